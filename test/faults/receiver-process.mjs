import { fork } from 'node:child_process';

/** The receivers' process, from outside. */
export class ReceiverProcess {
  #child;
  #waiting = [];

  static async start() {
    const receiver = new ReceiverProcess();
    receiver.#child = fork(new URL('receiver.mjs', import.meta.url));
    receiver.#child.on('message', (message) => receiver.#hear(message));
    receiver.#child.on('exit', () => receiver.#fail());
    const { port } = await receiver.#message('port');
    receiver.port = port;
    return receiver;
  }

  /** `behaviours`: of each receiver, by its name; see receiver.mjs. */
  behave(behaviours) {
    this.#child.send({ behave: behaviours });
  }

  async open() {
    const answer = this.#message('open');
    this.#child.send({ askOpen: true });
    return (await answer).open;
  }

  /** Everything that arrived since the last time, in the order of arrival. */
  async take() {
    const records = [];
    const collect = (message) => message.records && records.push(...message.records);
    this.#child.on('message', collect);
    const taken = this.#message('taken');
    this.#child.send({ take: true });
    await taken;
    this.#child.off('message', collect);
    return records;
  }

  stop() {
    this.#child.kill('SIGKILL');
  }

  #message(name) {
    return new Promise((resolve, reject) => this.#waiting.push({ name, resolve, reject }));
  }

  #hear(message) {
    const index = this.#waiting.findIndex(({ name }) => message[name] !== undefined);
    if (index >= 0) this.#waiting.splice(index, 1)[0].resolve(message);
  }

  #fail() {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('The receiver ended.'));
  }
}
