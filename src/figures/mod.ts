/**
 * Figures: rows to plotly specifications, tables and formulas.
 *
 * @module
 */

export { figureBundle, type MimeBundle } from "./show.ts";
export { figureLoader } from "./loader.ts";
export { formatBytes } from "./format.ts";
export { formulaBundle, matrixTex } from "./formula.ts";
export { type HeatmapGrid, type HeatmapPanel, heatmaps, type HeatmapScale } from "./heatmaps.ts";
export {
  type Axis,
  axis,
  baseLayout,
  type DataTable,
  type Figure,
  type FigureSlider,
  indexAxis,
  type Layout,
  logAxis,
  logCountAxis,
  palette,
  sliderFigure,
  type SliderOptions,
  type SliderStep,
  type TableColumn,
  type Title,
  type Trace,
  type TraceType,
  type Unit,
  type Values,
} from "./figure.ts";
export {
  bars,
  barsAcross,
  dots,
  type Line,
  line,
  type LinesAxis,
  linesFigure,
  linesSlider,
  type LinesStep,
  type LinesWords,
  type LossCurve,
  lossCurves,
  type LossCurvesOptions,
  type LossHistory,
  type MarkPlace,
  type ParameterCount,
  parameterDots,
  type PlaceOf,
  plot,
  type PlotValues,
  type PlotWords,
  type RankCurve,
  rankCurves,
  type RankPoint,
  type RoleBar,
  roleBars,
  type RowsToTrace,
  upright,
} from "./marks.ts";
export {
  type BoxesOptions,
  boxesPicture,
  type Ellipse,
  type EquationSign,
  type LowRankPicture,
  lowRankPictures,
  type MatrixBox,
  type Picture,
  type PictureRole,
  type PictureWords,
  type Plane,
  planesPicture,
  type TitledPlane,
} from "./pictures.ts";
export {
  type Cell,
  type Column,
  plainTable,
  table,
  type TableDefinition,
  tableOf,
} from "./table.ts";
export { staticSvg } from "./still.ts";
export { tableBundle } from "./table_bundle.ts";
