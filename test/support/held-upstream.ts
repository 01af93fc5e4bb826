/** A resolver behind the gate that answers at once, or when the test says so, with a TXT record that bears its mark. */
import { RrClass, RrType } from '../../core/dns/constants.ts';
import { frame } from '../../core/dns/framing.ts';
import { encodeMessage, makeResponse, type Message } from '../../core/dns/message.ts';
import { encodeTxt } from '../../core/dns/rdata.ts';
import { DnsServer, type HeardQuery } from './dns-server.ts';

export class HeldUpstream {
  readonly server: DnsServer;
  /** Whether questions wait for `release`. */
  isHeld = false;
  /** What is said besides the mark. */
  fields: Parameters<typeof makeResponse>[1] = {};
  mark: string;
  readonly #held: HeardQuery[] = [];

  private constructor(server: DnsServer, mark: string) {
    this.server = server;
    this.mark = mark;
  }

  static async start(mark: string): Promise<HeldUpstream> {
    const server = await DnsServer.start((query) => {
      if (upstream.isHeld) upstream.#held.push(query);
      else upstream.#answer(query);
    });
    const upstream = new HeldUpstream(server, mark);
    return upstream;
  }

  /** As a view's `upstreams` has it. */
  get at(): string {
    return `127.0.0.1:${String(this.server.port)}`;
  }

  get heard(): readonly Message[] {
    return this.server.heard.map(({ message }) => message);
  }

  /** Answers what waits. */
  release(): void {
    this.isHeld = false;
    for (const query of this.#held.splice(0)) this.#answer(query);
  }

  close(): Promise<void> {
    return this.server.close();
  }

  #answer({ message, over, send }: HeardQuery): void {
    const name = message.questions[0]!.name;
    const rdata = encodeTxt([Buffer.from(this.mark)]);
    const answers = [{ name, type: RrType.TXT, class: RrClass.IN, ttl: 300, rdata }];
    const octets = encodeMessage(makeResponse(message, { ra: true, answers, ...this.fields }));
    send(over === 'tcp' ? frame(octets) : octets);
  }
}
