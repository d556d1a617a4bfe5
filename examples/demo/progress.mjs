const TTY_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 2_000;

/** Shows `count()` (`{published, verified}`) of `total`: one line that changes on a terminal, else a line now and then. */
export function startProgress(total, count) {
  const isTerminal = process.stdout.isTTY;
  const show = () => {
    const { published, verified } = count();
    const line = `Published ${published} of ${total}, delivered and verified ${verified}.`;
    process.stdout.write(isTerminal ? `\r\u001b[2K${line}` : `${line}\n`);
  };
  const timer = setInterval(show, isTerminal ? TTY_INTERVAL_MS : PLAIN_INTERVAL_MS);
  return {
    end() {
      clearInterval(timer);
      show();
      if (isTerminal) process.stdout.write('\n');
    },
  };
}
