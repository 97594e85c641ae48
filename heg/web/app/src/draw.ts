// What the charts draw besides their curves.

import uPlot from "uplot";

import type { PlanSeries } from "./plan";
import { stretches } from "./plan_read";
import * as words from "./words";

/** A colour of the style sheet by its name. */
export type Tone = (name: string) => string;

export const FONT = '12px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif';
export const STRIP_PX = 18;

/** The line at zero, stronger than the grid. */
export function zeroLine(plot: uPlot, stroke: string): void {
  const y = Math.round(plot.valToPos(0, "y", true)) + 0.5;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.globalAlpha = 0.55;
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}

/** What lies ahead has another ground, and now is a line. */
export function ground(plot: uPlot, now_s: number, tone: Tone): void {
  const { ctx, bbox } = plot;
  const at = Math.round(plot.valToPos(now_s, "x", true));
  if (at < bbox.left || at > bbox.left + bbox.width) return;
  ctx.save();
  ctx.fillStyle = tone("soft");
  ctx.globalAlpha = 0.6;
  ctx.fillRect(at, bbox.top, bbox.left + bbox.width - at, bbox.height);
  ctx.globalAlpha = 1;
  ctx.fillStyle = tone("ink");
  ctx.fillRect(at, bbox.top, Math.max(1, Math.round(1.5 * uPlot.pxRatio)), bbox.height);
  ctx.restore();
}

/** The regimes as a strip of colours with their signs, above the power. */
export function strip(plot: uPlot, series: PlanSeries, tone: Tone): void {
  zeroLine(plot, tone("muted"));
  const { ctx, bbox } = plot;
  const height = STRIP_PX * uPlot.pxRatio;
  const top = bbox.top - height - 5 * uPlot.pxRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, top, bbox.width, height);
  ctx.clip();
  ctx.font = `600 ${Math.round(11 * uPlot.pxRatio)}px system-ui, "Noto Sans", "DejaVu Sans", sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const [from, to, regime] of stretches(series)) {
    const look = words.look(regime);
    const left = Math.max(bbox.left, plot.valToPos(from, "x", true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, "x", true));
    if (right <= left) continue;
    ctx.fillStyle = tone(look.tone);
    ctx.fillRect(left, top, Math.max(1, right - left - uPlot.pxRatio), height);
    if (right - left < 15 * uPlot.pxRatio) continue;
    ctx.fillStyle = tone("card");
    ctx.fillText(look.sign, (left + right) / 2, top + height / 2 + uPlot.pxRatio);
  }
  ctx.restore();
}

/** A range with some room around, at least so much. */
export function spread(low: number | null, high: number | null, least: number): [number, number] {
  const room = Math.max(((high ?? 0) - (low ?? 0)) * 0.08, least);
  return [(low ?? 0) - room, (high ?? 0) + room];
}
