// The ratios that a change is judged by in CI: two minutes at most, each rate beside its limit in the same rounds.
import { makeStage as makeDispatchStage } from './dispatch.mjs';
import { CASES, makeStage as makeIngestStage } from './ingest.mjs';
import { figure } from './statistics.mjs';

export const title = 'Quick: ratios to the limits of the same run';
export const about = 'Fewer events and rounds of the benches dispatch and ingest.';
export const limitedBy = ['See those benches.'];
export const SIZES = { quick: { rounds: 5, events: 3_000, singles: 1_000, batched: 3_000 } };

export async function run(rig, { rounds, events, singles, batched }) {
  await rig.startDatabase();
  const dispatch = await makeDispatchStage(rig);
  const { delivered, bare, queue } = await dispatch.measure(1, events, rounds, within(40_000));
  const common = { name: 'deliveries from batches of 500', unit: 'deliveries/s', rounds: delivered, guarded: true };
  const figures = [
    figure({ ...common, limit: { name: 'bare undici loop', rounds: bare } }),
    figure({ ...common, limit: { name: 'claim + settle', rounds: queue } }),
  ];
  const ingest = await makeIngestStage(rig, dispatch);
  for (const one of CASES.slice(0, 3))
    figures.push(await ingest.measure(one, one.batch === 1 ? singles : batched, rounds, within(15_000)));
  return figures;
}

/** A slow machine gets fewer rounds, so that it can tell something within its two minutes. */
function within(milliseconds) {
  return performance.now() + milliseconds;
}
