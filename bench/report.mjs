// bench/RESULTS.md: a section for each bench, of which those are written anew that ran.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { MAX_SPREAD } from './statistics.mjs';
import { toSection } from './table.mjs';

const RESULTS = 'bench/RESULTS.md';
const HEAD = `# What was measured

Made by \`npm run bench\`; [docs/performance.md](../docs/performance.md) says how to read it and how to make it again.
Each figure is the median of its rounds. Spread is the interquartile range in percent of the median; above ${MAX_SPREAD} % there
is no figure, and an aim counts as met only if every round met it. A limit is what the same machine gave in the same rounds,
taken in turn; in log-search, backlog and soak it is what an earlier time of the same run gave. The ratio is the median of
the rounds' ratios, with its own spread in brackets.
`;

/** Puts the sections in, in the order of `names`; those of benches that did not run stay as they are. */
export async function writeResults(results, names) {
  const known = existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : '';
  const sections = names.flatMap((name) => {
    const result = results.find((one) => one.name === name);
    if (result !== undefined) return [`${mark(name)}\n\n${toSection(result)}`];
    const kept = new RegExp(`${mark(name)}\n[^]*?(?=\n<!-- bench: |$)`).exec(known);
    return kept === null ? [] : [kept[0]];
  });
  const text = [HEAD, ...sections].join('\n');
  writeFileSync(RESULTS, await format(text, { ...(await resolveConfig(RESULTS)), parser: 'markdown' }));
  console.log(`Wrote ${RESULTS}.`);
}

function mark(name) {
  return `<!-- bench: ${name} -->`;
}
