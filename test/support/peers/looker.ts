/**
 * Looks at what a server on loopback has, over one TCP connection and without starting a program for each look: for
 * tests with many zones, or that look all the time.
 */
import { presentRecord } from '../../../core/dns/present.ts';
import { openSecondary, type Secondary, type TransferResult } from '../../../lab/secondary.ts';
import { digestOf, type ZoneDigest } from './zone-series.ts';

export class Looker {
  readonly #port: number;
  #connection: Secondary | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** The serial that it serves; undefined when it serves none, or nobody answers. */
  async serial(apex: string): Promise<number | undefined> {
    return (await this.#request(apex, 'SOA'))?.serial;
  }

  /** What it transfers; undefined when it transfers nothing, or breaks off. */
  async digest(apex: string): Promise<ZoneDigest | undefined> {
    const result = await this.#request(apex, 'AXFR');
    return result && digestOf(result.records.slice(0, -1).map(presentRecord));
  }

  close(): void {
    this.#connection?.close();
  }

  async #request(zone: string, type: 'SOA' | 'AXFR'): Promise<TransferResult | undefined> {
    try {
      if (this.#connection === undefined || this.#connection.isClosed) {
        this.#connection = await openSecondary({ address: '127.0.0.1', port: this.#port, plain: true });
      }
      const result = await this.#connection.request({ zone, type });
      return result.outcome === 'complete' ? result : undefined;
    } catch {
      return undefined;
    }
  }
}
