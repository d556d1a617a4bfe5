import { createLogger } from './logging.js';

function linesOf(write: (logger: ReturnType<typeof createLogger>) => void, level = 'info'): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger({ level, destination: { write: (line) => void lines.push(line) } }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log', () => {
  it('is JSON lines with level, time, context and message', () => {
    const [line] = linesOf((logger) => logger.log('Started', 'Main'));
    expect(line).toMatchObject({ level: 'info', context: 'Main', msg: 'Started' });
    expect(line!.time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('takes errors as messages and as details, with their stacks', () => {
    const lines = linesOf((logger) => {
      logger.error(new Error('first'), 'Main');
      logger.error('second', 'stack text', 'Main');
      logger.warn({ msg: 'third', err: new Error('cause') });
    });
    expect(lines[0]).toMatchObject({ level: 'error', msg: 'first', err: { type: 'Error', message: 'first' } });
    expect(lines[1]).toMatchObject({ msg: 'second', stack: 'stack text', context: 'Main' });
    expect(lines[2]).toMatchObject({ level: 'warn', msg: 'third', err: { message: 'cause' } });
  });

  it('makes nothing of the stack that is not given', () => {
    const [line] = linesOf((logger) => logger.error('tried again', undefined, 'Main'));
    expect(line).toMatchObject({ msg: 'tried again', context: 'Main' });
    expect(line).not.toHaveProperty('details');
  });

  it('holds no secret in messages, fields or errors', () => {
    const key = `sk_live_${'a'.repeat(48)}`;
    const lines = linesOf((logger) => {
      logger.log(`Key ${key}`, 'Main');
      logger.log({ msg: `Key ${key}`, authorization: key, note: key });
      logger.pino.error(new Error(key));
      logger.pino.error({ err: new Error(key) }, 'With %s', key);
    });
    expect(lines).toHaveLength(4);
    expect(JSON.stringify(lines)).not.toContain('aaaa');
  });

  it('is quiet below its level', () => {
    expect(linesOf((logger) => logger.log('x'), 'warn')).toEqual([]);
  });
});
