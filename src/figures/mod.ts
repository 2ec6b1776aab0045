/** Figures: rows to plotly specifications, tables and formulas. @module */

export { figureBundle, type MimeBundle } from "./bundle.ts";
export { figureLoader } from "./figure_card.ts";
export { formatBytes } from "./format.ts";
export { formulaBundle } from "./formula.ts";
export type { HeatmapScale } from "./heatmap_colors.ts";
export { type HeatmapGrid, type HeatmapPanel, heatmaps } from "./heatmaps.ts";
export type { DataTable, Figure, FigureSlider, SliderStep, TableColumn, Unit } from "./figure.ts";
export {
  type Line,
  type LinesAxis,
  linesFigure,
  linesSlider,
  type LinesStep,
  type LinesWords,
} from "./lines.ts";
export { axis, baseLayout, indexAxis, logAxis, logCountAxis } from "./layout.ts";
export { type LossCurve, lossCurves, type LossCurvesOptions } from "./loss_curves.ts";
export { type LowRankPicture, lowRankPictures } from "./low_rank_pictures.ts";
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
export { matrixTex } from "./matrix_tex.ts";
export { palette } from "./palette.ts";
export { type ParameterCount, parameterDots } from "./parameter_dots.ts";
export type * from "./plotly_types.ts";
export {
  type BoxesOptions,
  boxesPicture,
  type EquationSign,
  type MatrixBox,
} from "./pictures/boxes.ts";
export type { Picture, PictureWords } from "./pictures/picture.ts";
export { type Ellipse, type Plane, planesPicture, type TitledPlane } from "./pictures/plane.ts";
export type { PictureRole } from "./pictures/roles.ts";
export { type RoleBar, roleBars } from "./role_bars.ts";
export { sliderFigure, type SliderOptions } from "./slider_figure.ts";
export { type LossHistory, plot, type PlotValues, type PlotWords } from "./plot.ts";
export { plainTable } from "./plain_table.ts";
export { staticSvg } from "./static_svg.ts";
export { type RankCurve, rankCurves, type RankPoint } from "./rank_curves.ts";
export { type Cell, type Column, table, type TableDefinition } from "./table.ts";
export { tableBundle } from "./table_bundle.ts";
export { tableOf } from "./table_of.ts";
