import { setTimeout as pause } from 'node:timers/promises';
import { encodeId } from '../../dist/src/common/ids.js';
import { COUNTS, judge, judgeRepeats } from './checker.mjs';
import { Faults } from './faults.mjs';
import { Load } from './load.mjs';
import { SCENARIOS } from './scenarios.mjs';

/** Nothing ended for so long after the last fault: it is stuck. */
const STUCK_MS = 90_000;
const LOOK_MS = 100;
const PAGE = 100;
const LOST_ANSWERS = new Set(['timeout', 'reset']);

/** One scenario once: publish, break, heal, let it come to rest, and judge what the outside saw. */
export async function playRound(name, { cluster, random, rounds }) {
  const scenario = SCENARIOS[name];
  const load = new Load(cluster, random);
  await load.prepare(scenario.accounts, scenario.endpoints);
  load.start(scenario.load);
  const faults = new Faults(cluster, random, load.hooks);
  await scenario.run({ cluster, faults, random, rounds });

  cluster.receiver.behave(Object.fromEntries(load.hooks.map((hook) => [hook, 'healthy'])));
  await faults.settled();
  await cluster.heal();
  await load.stop();
  await comeToRest(cluster, load);
  const verdict = await verdictOf({ cluster, load, faults, receipts: await cluster.receiver.take() });
  await load.close();
  return verdict;
}

/** Until every delivery has ended, or none ends any more. */
async function comeToRest(cluster, load) {
  const uuids = load.accounts.map(({ uuid }) => uuid);
  let least = Infinity;
  let leastAtMs = Date.now();
  for (;;) {
    const unfinished = await cluster.database.unfinished(uuids);
    if (unfinished === 0) break;
    if (unfinished < least) [least, leastAtMs] = [unfinished, Date.now()];
    if (Date.now() - leastAtMs > STUCK_MS) break;
    await pause(LOOK_MS);
  }
  while ((await cluster.receiver.open()) > 0 && Date.now() - leastAtMs < STUCK_MS) await pause(LOOK_MS);
}

async function verdictOf({ cluster, load, faults, receipts }) {
  const orphaned = await readOrphaned(cluster, load, faults);
  const verdict = { faults: faults.count, inTheAir: orphaned.length, violations: [...load.refusals] };
  for (const { id, key, endpoints } of load.accounts) {
    const ofAccount = judge({
      endpoints,
      acknowledged: new Map([...load.acknowledged].filter(([, { account }]) => account === id)),
      attempted: new Set([...load.attempted].filter(([, account]) => account === id).map(([name]) => name)),
      events: await readAll(load, '/v1/events', key),
      deliveries: await readAll(load, '/v1/deliveries', key),
      receipts: receipts.filter(({ hook }) => hook.startsWith(id)),
    });
    verdict.violations.push(...ofAccount.violations);
    const lostAnswers = await readLostAnswers(load, key, ofAccount.repeated);
    for (const lost of lostAnswers.values()) verdict.inTheAir += lost;
    verdict.violations.push(...judgeRepeats(ofAccount.repeated, { orphaned, lostAnswers }));
    for (const count of COUNTS) verdict[count] = (verdict[count] ?? 0) + ofAccount[count];
  }
  const endpointIds = new Map(load.accounts.flatMap(({ endpoints }) => endpoints.map(({ hook, id }) => [hook, id])));
  verdict.takeoversMs = faults.takeovers.measureMs(
    receipts.map((receipt) => ({ ...receipt, endpointId: endpointIds.get(receipt.hook) })),
  );
  for (const { accidents } of cluster.processes) verdict.violations.push(...accidents.splice(0));
  return verdict;
}

/** Deliveries that nobody could settle any more under the lease under which they were claimed, each as often as so. */
async function readOrphaned(cluster, load, faults) {
  const orphaned = await cluster.database.orphaned(load.accounts.map(({ uuid }) => uuid));
  // The same attempt under the same lease is one, though it was in the air at both ends.
  return [...new Map([...orphaned, ...faults.inTheAirAtCrashes]).values()].map((id) => encodeId('del', id));
}

/** By delivery: attempts that the service recorded as unanswered, so that sending again was right. */
async function readLostAnswers(load, key, repeated) {
  const lostAnswers = new Map();
  for (const { deliveryId } of repeated) {
    if (deliveryId === undefined) continue;
    const { attempts } = await load.call('GET', `/v1/deliveries/${deliveryId}`, key);
    lostAnswers.set(deliveryId, attempts.filter(({ error }) => LOST_ANSWERS.has(error?.code)).length);
  }
  return lostAnswers;
}

async function readAll(load, path, key) {
  const all = [];
  for (let cursor = ''; ;) {
    const page = await load.call('GET', `${path}?limit=${PAGE}${cursor}`, key);
    all.push(...page.data);
    if (!page.has_more) return all;
    cursor = `&starting_after=${page.data.at(-1).id}`;
  }
}
