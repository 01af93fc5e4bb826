/**
 * One question to one server, by the way that the rules have for it (probe-state.ts): by TLS, and in clear if that fails; in clear;
 * or in clear while TLS is tried beside it with the same question, whose answer by TLS nobody waits for.
 *
 * A server must give the same answers by all transports (RFC 9539 section 3). At the port of TLS may be something else all
 * the same, such as a resolver that refuses us. So as long as a server has said nothing useful by TLS, what is not useful is
 * compared with what it says in clear; if that is better, TLS has failed.
 */
import { Rcode, rcodeName, rcodeOf, type OneServerFailure } from '../../../../core/index.ts';
import type { ProbedServer } from './probed-server.ts';

export type ServerEnd = Buffer | OneServerFailure;

export class ServerQuestion {
  readonly #server: ProbedServer;
  readonly #query: Buffer;
  readonly #end: (outcome: ServerEnd) => void;
  readonly #epoch: number;
  #giveUp: (() => void) | undefined;
  #isOver = false;
  #isSecondTry = false;
  /** What TLS had to say, if it is of no use. */
  #poorAnswer: Buffer | undefined;
  /** What came of it in clear. */
  #inClear: ServerEnd | undefined;
  /** Whose clear answer counts, TLS being tried beside. */
  #isProbe = false;

  constructor(server: ProbedServer, query: Buffer, end: (outcome: ServerEnd) => void) {
    this.#server = server;
    this.#query = query;
    this.#end = end;
    this.#epoch = server.epoch;
  }

  begin(): void {
    if (this.#isOver) return;
    const decision = this.#server.decide();
    if (decision === 'encrypted') {
      this.#askEncrypted();
      return;
    }
    if (decision === 'clear-and-probe') this.#probe();
    this.#askInClear();
  }

  /** False if it is over already. A probe goes on. */
  giveUp(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#giveUp?.();
    return true;
  }

  #askEncrypted(): void {
    const server = this.#server;
    this.#giveUp = server.askEncrypted(this.#query, (outcome) => {
      if (Buffer.isBuffer(outcome)) this.#takeEncrypted(outcome);
      else this.#lostEncrypted(outcome);
    });
  }

  #takeEncrypted(answer: Buffer): void {
    const server = this.#server;
    server.meters.question('tls', 'answered');
    if (isUseful(answer)) server.isVerified = true;
    if (server.isVerified) {
      this.#finish(answer);
      return;
    }
    this.#poorAnswer = answer;
    this.#askInClear();
  }

  #lostEncrypted(outcome: OneServerFailure): void {
    const server = this.#server;
    server.meters.question('tls', 'failed');
    if (server.isClosed) {
      this.#finish(outcome);
      return;
    }
    if (server.epoch !== this.#epoch && !this.#isSecondTry) {
      this.#isSecondTry = true;
      this.begin();
      return;
    }
    this.#noteLost(outcome.failure);
    this.#askInClear();
  }

  #askInClear(): void {
    const server = this.#server;
    this.#giveUp = server.askInClear(this.#query, (outcome) => {
      server.meters.question('clear', Buffer.isBuffer(outcome) ? 'answered' : 'failed');
      this.#inClear = outcome;
      this.#compare();
      const isBetter = Buffer.isBuffer(outcome) && isUseful(outcome);
      this.#finish(this.#isProbe || isBetter ? outcome : (this.#poorAnswer ?? outcome));
    });
  }

  /** Nobody waits for what comes of it, so it has an end of its own. */
  #probe(): void {
    const server = this.#server;
    const { limits } = server;
    this.#isProbe = true;
    const timer = setTimeout(
      () => {
        giveUp();
      },
      limits['probe-time'] + 3 * limits['probe-answer'],
    ).unref();
    // The clear answer is the caller's to write to, and the query is not written to: one for both will do.
    const giveUp = server.askEncrypted(this.#query, (outcome) => {
      clearTimeout(timer);
      if (!Buffer.isBuffer(outcome)) {
        server.meters.question('tls', 'failed');
        if (server.epoch === this.#epoch && server.decide() === 'encrypted')
          server.fail('fail', outcome.failure);
        return;
      }
      server.meters.question('tls', 'answered');
      if (isUseful(outcome)) server.isVerified = true;
      else this.#poorAnswer = outcome;
      this.#compare();
    });
  }

  /** Unless the end of the connection was heard of, and has changed the state already. */
  #noteLost(why: string): void {
    const server = this.#server;
    if (server.decide() !== 'encrypted') return;
    // One that is still being made has had its time; one that was open was closed again and again without an answer.
    server.fail(server.session === 'opening' ? 'timeout' : 'fail', why);
  }

  /** Once it is known what TLS says and what is said in clear. */
  #compare(): void {
    const server = this.#server;
    const poor = this.#poorAnswer;
    const clear = this.#inClear;
    if (poor === undefined || !Buffer.isBuffer(clear) || server.isVerified) return;
    if (!isUseful(clear)) {
      server.isVerified = true;
      return;
    }
    const words = `it answered ${rcodeName(rcodeOf(poor))} by TLS, and ${rcodeName(rcodeOf(clear))} in clear`;
    server.fail('fail', words);
  }

  #finish(outcome: ServerEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end(outcome);
  }
}

/** Whether an answer says something about the name, and not about the server. */
export function isUseful(answer: Buffer): boolean {
  const code = rcodeOf(answer);
  return code === Rcode.NOERROR || code === Rcode.NXDOMAIN || code === Rcode.YXDOMAIN;
}
