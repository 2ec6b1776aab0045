/** Figures: rows to plotly specifications, tables and formulas. @module */

export { figureBundle, type MimeBundle } from "./show.ts";
export { figureLoader } from "./show.ts";
export { formatBytes } from "./format.ts";
export { formulaBundle } from "./formula.ts";
export type { HeatmapScale } from "./heatmaps.ts";
export { type HeatmapGrid, type HeatmapPanel, heatmaps } from "./heatmaps.ts";
export type { DataTable, Figure, FigureSlider, SliderStep, TableColumn, Unit } from "./figure.ts";
export {
  type Line,
  type LinesAxis,
  linesFigure,
  linesSlider,
  type LinesStep,
  type LinesWords,
} from "./marks.ts";
export { axis, baseLayout, indexAxis, logAxis, logCountAxis } from "./figure.ts";
export { type LossCurve, lossCurves, type LossCurvesOptions } from "./marks.ts";
export { type LowRankPicture, lowRankPictures } from "./pictures.ts";
export {
  bars,
  barsAcross,
  dots,
  line,
  type MarkPlace,
  type PlaceOf,
  type RowsToTrace,
  upright,
} from "./marks.ts";
export { matrixTex } from "./formula.ts";
export { palette } from "./figure.ts";
export { type ParameterCount, parameterDots } from "./marks.ts";
export type { Axis, Layout, Title, Trace, TraceType, Values } from "./figure.ts";
export { type BoxesOptions, boxesPicture, type EquationSign, type MatrixBox } from "./pictures.ts";
export type { Picture, PictureWords } from "./pictures.ts";
export { type Ellipse, type Plane, planesPicture, type TitledPlane } from "./pictures.ts";
export type { PictureRole } from "./pictures.ts";
export { type RoleBar, roleBars } from "./marks.ts";
export { sliderFigure, type SliderOptions } from "./figure.ts";
export { type LossHistory, plot, type PlotValues, type PlotWords } from "./marks.ts";
export { plainTable } from "./table.ts";
export { staticSvg } from "./still.ts";
export { type RankCurve, rankCurves, type RankPoint } from "./marks.ts";
export { type Cell, type Column, table, type TableDefinition } from "./table.ts";
export { tableBundle } from "./table_bundle.ts";
export { tableOf } from "./table.ts";
