// One bench in a process of its own: `node bench/run.mjs <name> <size> <options as JSON>`, started by
// scripts/bench.mjs, which is told what was started and what was measured.
import { Logger } from '@nestjs/common';
import { describeMachine, troubleWithMachine } from './machine.mjs';
import { Rig } from './rig.mjs';

const [name, size, options] = process.argv.slice(2);
Logger.overrideLogger(['error', 'fatal']);
const bench = await import(`./${name}.mjs`);
const rig = new Rig();

// Whatever ends this process, the rig goes first; a second signal changes nothing, and the runner waits.
const end = (code) => void rig.close().finally(() => process.exit(code));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(130));
process.on('disconnect', () => end(1));
process.on('uncaughtException', (error) => {
  console.error(error);
  end(1);
});

try {
  const trouble = size === 'smoke' ? null : await troubleWithMachine(size === 'quick' ? 0 : undefined);
  const startedMs = performance.now();
  const figures = await bench.run(rig, { ...(bench.SIZES[size] ?? bench.SIZES.usual), ...JSON.parse(options) }, size);
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  await rig.close();
  const { title, about, limitedBy } = bench;
  const measured = { name, title, about, limitedBy, figures, trouble, seconds };
  process.send({ result: { ...measured, machine: describeMachine(), versions: rig.versions } }, () => process.exit(0));
} catch (error) {
  // What the end of its processes breaks is not worth telling.
  if (!rig.isClosing) console.error(error);
  end(1);
}
