/** A resolver that answers what a test has published, and remembers every question. */
import { Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import type { LookupResult, Resolver } from '../../core/resolver/resolver.ts';

export class ScriptedResolver implements Resolver {
  /** Names that were asked for, in order. */
  readonly asked: string[] = [];
  readonly #answers = new Map<string, LookupResult>();
  #gate: Promise<void> = Promise.resolve();

  /** Publishes TLSA records of a name, secure unless said otherwise; no records is a denial. */
  publish(name: string, rdata: readonly Buffer[], fields: Partial<LookupResult> = {}): void {
    const owner = Name.parse(name);
    const records = rdata.map((octets) => ({
      name: owner,
      type: RrType.TLSA,
      class: RrClass.IN,
      ttl: 300,
      rdata: octets,
    }));
    this.#answers.set(owner.key, { ...denial, records, ttlSeconds: 300, ...fields });
  }

  /** Answers nothing until the function that it gives is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#gate = promise;
    return () => {
      resolve(undefined);
    };
  }

  async lookup(name: Name): Promise<LookupResult> {
    this.asked.push(name.toString());
    await this.#gate;
    return this.#answers.get(name.key) ?? denial;
  }
}

const denial: LookupResult = {
  status: 'secure',
  rcode: Rcode.NOERROR,
  records: [],
  ttlSeconds: 0,
  detail: 'as the test says',
};
