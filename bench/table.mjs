// What a bench measured, as a table for the terminal and for bench/RESULTS.md.
import { doubt, meets } from './statistics.mjs';

/** A bench's section: its table, what limits it, and where and when it was measured. */
export function toSection({ title, about, limitedBy, figures, trouble, seconds, machine, versions }) {
  const warning = trouble === null ? [] : [`**No time can be told: ${trouble}.**`, ''];
  return [
    `## ${title}`,
    '',
    about,
    '',
    ...warning,
    '| figure | measured | spread | limit in the same run | ratio | aim | met |',
    '|---|---|---|---|---|---|---|',
    ...figures.map((figure) => toRow(figure, trouble)),
    '',
    'What limits it:',
    '',
    ...limitedBy.map((reason) => `- ${reason}`),
    '',
    `Measured on ${new Date().toISOString().slice(0, 10)} in ${seconds} s: ${machine}, Node ${versions.node}, PostgreSQL ${versions.postgresql}.`,
    '',
  ].join('\n');
}

function toRow(figure, trouble) {
  const { name, unit, value, limit, ratio, aims, digits } = figure;
  const told = (summary, show, reason) => {
    const why = doubt(summary, figure, reason);
    if (why === null) return show(summary);
    return `no figure: ${why === trouble ? 'see above' : why}`;
  };
  const cells = [
    name,
    told(value, ({ median }) => `${number(median, digits)} ${unit}`, trouble),
    value.spread === null ? '–' : `${Math.round(value.spread)} %`,
    limit === null ? '–' : `${limit.name}: ${told(limit, ({ median }) => number(median, digits), trouble)}`,
    ratio === null ? '–' : told(ratio, ratioText, null),
    aims.map((aim) => aimText(aim, digits)).join('; ') || '–',
    aims.map((aim) => verdict(figure, aim, trouble)).join('; ') || '–',
  ];
  return `| ${cells.join(' | ')} |`;
}

function verdict(figure, aim, trouble) {
  const summary = aim.of === 'ratio' ? figure.ratio : figure.value;
  const busy = aim.of === 'ratio' ? null : trouble;
  if (doubt(summary, figure, busy) === null) return meets(figure, aim) ? 'yes' : '**no**';
  // Rounds that differ give no figure, but may all lie on one side of the aim.
  if (doubt({ spread: 0 }, figure, busy) !== null) return 'not known';
  if (meets(figure, aim, 'worst')) return 'yes, in every round';
  return meets(figure, aim, 'best') ? 'not known' : '**no**, in no round';
}

function ratioText({ median, spread }) {
  return spread === null ? number(median, 2) : `${number(median, 2)} (${Math.round(spread)} %)`;
}

function aimText({ of, atLeast, atMost }, digits) {
  const text = atLeast === undefined ? `≤ ${aimNumber(atMost, digits)}` : `≥ ${aimNumber(atLeast, digits)}`;
  return of === 'ratio' ? `ratio ${text}` : text;
}

function aimNumber(value, digits) {
  const least = Number.isInteger(value) ? 0 : Math.max(digits, 1);
  return value.toLocaleString('en-US', { minimumFractionDigits: least, maximumFractionDigits: Math.max(digits, 2) });
}

function number(value, digits) {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
