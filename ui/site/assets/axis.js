// Round numbers and round times for the axes of a plot.

/** The steps of a value axis: about ``count`` round numbers that cover the range. */
export function valueTicks(low, high, count) {
  const rough = Math.max(high - low, 1e-9) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999);
  const step = factor * power;
  const ticks = [];
  for (let at = Math.floor(low / step + 1e-9); at * step < high + step * 0.999; at += 1) {
    ticks.push(at * step);
  }
  return ticks;
}

const MINUTE = 60_000;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720]
  .map((minutes) => minutes * MINUTE);

/** The round times of this zone within a span of milliseconds, ``count`` at most. */
export function timeTicks(from, to, count) {
  const step = TIME_STEPS.find((each) => (to - from) / each <= count)
    ?? TIME_STEPS.at(-1);
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((from - offset) / step) * step + offset;
  const ticks = [];
  for (let at = first; at <= to; at += step) {
    ticks.push(at);
  }
  return ticks;
}
