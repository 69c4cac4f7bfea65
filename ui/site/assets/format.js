// Numbers and moments as the page's language writes them.

const LOCALES = { en: "en-GB", de: "de-DE", pt: "pt-PT" };
export const locale = LOCALES[document.documentElement.lang] ?? "en-GB";

const decimals = new Map();

function memo(key, make) {
  let format = decimals.get(key);
  if (format === undefined) {
    format = make();
    decimals.set(key, format);
  }
  return format;
}

/** A number with so many digits behind the point. */
export function decimal(value, digits = 0) {
  const format = memo(digits, () => new Intl.NumberFormat(locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }));
  // Nobody wants to read "-0.00".
  return format.format(Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value);
}

/** Thousands of it: watts as kW. */
export function kilo(value, digits = 2) {
  return decimal(value / 1000, digits);
}

export function percent(share) {
  return memo("%", () => new Intl.NumberFormat(locale, { style: "percent" }))
    .format(share);
}

const UNITS = ["B", "KiB", "MiB", "GiB"];

/** A size for people: 3.2 MiB. */
export function size(bytes) {
  let unit = 0;
  while (bytes >= 1024 && unit < UNITS.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${decimal(bytes, unit === 0 ? 0 : 1)} ${UNITS[unit]}`;
}

function moments(key, options) {
  return memo(key, () => new Intl.DateTimeFormat(locale, options));
}

/** Hours and minutes. */
export function clock(date) {
  return moments("clock", { hour: "2-digit", minute: "2-digit" }).format(date);
}

/** Hours, minutes, seconds. */
export function seconds(date) {
  return moments("seconds", {
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).format(date);
}

/** Day and time; the year where it is another one. */
export function moment(date) {
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  return moments(`moment ${isThisYear}`, {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
    ...(isThisYear ? {} : { year: "numeric" }),
  }).format(date);
}

/** The time, with its day unless that is today. */
export function recent(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? clock(date) : moment(date);
}

/** "in 12 s", in words. */
export function ahead(milliseconds) {
  const left = Math.max(0, Math.round(milliseconds / 1000));
  const format = memo("ahead", () => new Intl.RelativeTimeFormat(locale, {
    style: "short",
  }));
  return left < 100
    ? format.format(left, "second")
    : format.format(Math.round(left / 60), "minute");
}

const SHOWN = { clock, seconds, moment, recent };

/** Makes the moments of the page, in UTC so far, local ones. */
export function localise(root = document) {
  for (const time of root.querySelectorAll("time[data-show]")) {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(date.getTime())) {
      time.textContent = SHOWN[time.dataset.show](date);
    }
  }
}
