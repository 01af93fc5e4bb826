/**
 * TSIG (RFC 8945) towards primaries of others, which give their zone to nobody without it: BIND and Knot DNS sign every message
 * of a transfer, NSD every 96th.
 */
import { expect } from 'chai';
import { RrType } from '../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import type { TsigAlgorithm, TsigKey } from '../../core/tsig/key.ts';
import { PlainUpstream } from '../../plugins/xot/upstream/plain-upstream.ts';
import { UpstreamError } from '../../plugins/xot/upstream/upstream.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import {
  startBindWithKeys,
  startKnotWithKeys,
  startNsdWithKeys,
  type StartTsigPrimary,
  type TsigPrimary,
} from '../support/peers/tsig-primaries.ts';
import { numberedZone } from '../support/peers/zone-text.ts';

const apex = 'example.com';
const records = 80_000;
const algorithms = ['hmac-sha1', 'hmac-sha256', 'hmac-sha512'] as const;
const servers: Readonly<Record<string, StartTsigPrimary>> = {
  BIND: startBindWithKeys,
  NSD: startNsdWithKeys,
  'Knot DNS': startKnotWithKeys,
};
const times = { 'primary-connect-time': 5_000, 'primary-answer-time': 20_000 };
const signal = new AbortController().signal;

const secretOf = (algorithm: string): Buffer => Buffer.from(algorithm.padEnd(64, '.'));
const peerKey = (algorithm: string) => ({
  name: `${algorithm}.key`,
  algorithm,
  secret: secretOf(algorithm).toString('base64'),
});

function keyOf(algorithm: TsigAlgorithm): TsigKey {
  return { name: Name.parse(`${algorithm}.key`), algorithm, secret: secretOf(algorithm) };
}

function query(type: number): Buffer {
  return encodeMessage(makeQuery({ id: 4711, name: Name.parse(apex), type }));
}

for (const [name, startPrimary] of Object.entries(servers)) {
  describe(`TSIG with ${name} as the primary`, function () {
    this.timeout(60_000);
    const bed = new TestBed();
    let primary: TsigPrimary;
    const open: PlainUpstream[] = [];

    before(async () => {
      const own = name === 'BIND' ? ['hmac-sha256-128'] : [];
      primary = await startPrimary(bed, numberedZone(apex, 1, records), [...algorithms, ...own].map(peerKey));
    });
    after(async () => {
      for (const upstream of open) upstream.close();
      await bed.close();
    });

    function upstream(key: TsigKey | undefined, nowMs: () => number = Date.now): PlainUpstream {
      const made = new PlainUpstream(primary, times, key && { key, nowMs });
      open.push(made);
      return made;
    }

    /** Reads a whole transfer: how many records and messages, and how it ended. */
    async function transfer(
      from: PlainUpstream,
    ): Promise<{ records: number; messages: number; rcode: number }> {
      let [count, messages, rcode] = [0, 0, 0];
      const stream = from.transfer(query(RrType.AXFR), signal);
      for await (const batch of stream) {
        for (const octets of batch) {
          const message = parseMessage(octets);
          expect(message.additionals).to.deep.equal([]);
          count += message.answers.length;
          messages += 1;
          rcode = message.header.rcode;
        }
        // The SOA record comes twice.
        if (count < records + 1 && rcode === 0) continue;
        stream.finish();
        break;
      }
      return { records: count - 1, messages, rcode };
    }

    /** Of a transfer, and of a query. */
    async function failuresOf(from: PlainUpstream): Promise<string[]> {
      const failures = [];
      for (const act of [() => transfer(from), () => from.ask(query(RrType.SOA), signal)]) {
        try {
          await act();
          failures.push('none');
        } catch (error) {
          if (!(error instanceof UpstreamError)) throw error;
          failures.push(error.words);
        }
      }
      return failures;
    }

    const usable: readonly TsigAlgorithm[] =
      name === 'BIND' ? [...algorithms, 'hmac-sha256-128'] : algorithms;
    for (const algorithm of usable) {
      it(`answers what is signed with ${algorithm}, and every part of it verifies [RFC8945-5.3.1]`, async () => {
        const from = upstream(keyOf(algorithm));
        const soa = parseMessage(await from.ask(query(RrType.SOA), signal));
        expect(soa.header).to.include({ id: 4711, rcode: 0 });
        expect(soa.answers.map(({ type }) => type)).to.deep.equal([RrType.SOA]);
        for (let turn = 0; turn < 2; turn++) {
          const all = await transfer(from);
          expect(all).to.include({ records, rcode: 0 });
          // More than NSD leaves between two signatures.
          expect(all.messages).to.be.greaterThan(100);
        }
      });
    }

    it('gives the zone to nobody who signs nothing', async () => {
      expect((await transfer(upstream(undefined))).rcode).to.not.equal(0);
    });

    it('says BADSIG to another secret [RFC8945-5.2.2]', async () => {
      const key = { ...keyOf('hmac-sha256'), secret: Buffer.alloc(32, 1) };
      for (const words of await failuresOf(upstream(key))) expect(words).to.include('(BADSIG)');
    });

    it('says BADKEY to a key that it does not have [RFC8945-5.2.1]', async () => {
      const key = { ...keyOf('hmac-sha256'), name: Name.parse('other.key') };
      for (const words of await failuresOf(upstream(key))) expect(words).to.include('(BADKEY)');
    });

    for (const [title, shiftMs] of [
      ['behind', -3_600_000],
      ['ahead', 3_600_000],
    ] as const) {
      it(`says BADTIME to a clock that is ${title}, with its own time [RFC8945-5.4.3]`, async () => {
        // NSD does not sign it, and so its time is not believed.
        const detail = name === 'NSD' ? /without a signature/ : /\b3(59|60)\d s apart/;
        for (const words of await failuresOf(upstream(keyOf('hmac-sha256'), () => Date.now() + shiftMs)))
          expect(words).to.include('(BADTIME)').and.match(detail);
      });
    }
  });
}
