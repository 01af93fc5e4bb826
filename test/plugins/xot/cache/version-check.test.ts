import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { RrType } from '../../../../core/dns/constants.ts';
import type { ResourceRecord } from '../../../../core/dns/message.ts';
import type { Name } from '../../../../core/dns/name.ts';
import { parseRecords } from '../../../../core/dns/record-text.ts';
import { schema } from '../../../../core/index.ts';
import type { LookupResult, Resolver } from '../../../../core/resolver/resolver.ts';
import {
  checkSchema,
  makeVersionCheck,
  type CheckConfig,
  type VersionCheckOptions,
} from '../../../../plugins/xot/cache/version-check.ts';
import { noPause, versionOf } from '../../../core/xfr/checked-zones.ts';
import { apex, nowMs, signedZone, zoneText } from '../../../core/xfr/signed-zones.ts';

const nothing: LookupResult = {
  status: 'secure',
  rcode: 0,
  records: [],
  ttlSeconds: 0,
  detail: 'as the test says',
};

/** Answers by type. */
class TypedResolver implements Resolver {
  readonly asked: string[] = [];
  readonly #answers: Readonly<Record<number, Partial<LookupResult>>>;

  constructor(answers: Readonly<Record<number, Partial<LookupResult>>> = {}) {
    this.#answers = answers;
  }

  lookup(name: Name, type: number): Promise<LookupResult> {
    this.asked.push(`${name.toString()} ${type}`);
    return Promise.resolve({ ...nothing, ...this.#answers[type] });
  }
}

function recordsOf(type: number, rdatas: readonly Buffer[]): { records: ResourceRecord[] } {
  return { records: rdatas.map((rdata) => ({ name: apex, type, class: 1, ttl: 60, rdata })) };
}

async function ask(
  records: readonly ResourceRecord[],
  config: CheckConfig,
  resolver: Resolver = new TypedResolver(),
  options: Partial<VersionCheckOptions> = {},
): Promise<string | undefined> {
  const check = makeVersionCheck({
    config: () => config,
    limits: () => ({ 'check-octets': 1 << 24 }),
    resolver,
    nowMs: () => nowMs,
    ...options,
  });
  return check(versionOf(records), noPause);
}

const published = (number: number): ResourceRecord[] =>
  parseRecords(readFileSync(`${import.meta.dirname}/../../../vectors/rfc8976/a${number}.txt`, 'utf8'));

describe('makeVersionCheck', () => {
  const plain = parseRecords(zoneText);
  const right = published(1);
  const wrong = [...right, ...parseRecords('added.example. 60 IN A 192.0.2.1')];
  const unknown = published(3).filter(
    ({ type, rdata }) => type !== RrType.ZONEMD || rdata[4] !== 1 || rdata[5] === 240,
  );

  const digests: [zonemd: CheckConfig['zonemd'], verdicts: (RegExp | undefined)[]][] = [
    ['off', [undefined, undefined, undefined, undefined]],
    ['if-present', [undefined, undefined, /sha384 digest/, undefined]],
    ['required', [/no ZONEMD record/, undefined, /sha384 digest/, /not supported here/]],
  ];
  for (const [zonemd, verdicts] of digests) {
    it(`judges zones without, with right, wrong and unknown digests by zonemd: ${zonemd} [RFC8976-4]`, async () => {
      for (const [index, records] of [plain, right, wrong, unknown].entries()) {
        const words = await ask(records, { zonemd, dnssec: 'off' });
        const expected = verdicts[index];
        if (expected === undefined) expect(words).to.be.undefined;
        else expect(words).to.match(expected);
      }
    });
  }

  it('asks nobody where DNSSEC is off', async () => {
    const resolver = new TypedResolver();
    await ask(right, { zonemd: 'required', dnssec: 'off' }, resolver);
    expect(resolver.asked).to.deep.equal([]);
  });

  const { records, signer, trust } = signedZone('nsec');
  const ds = { [RrType.DS]: recordsOf(RrType.DS, signer.ds()) };
  const dnskeys = records.filter(({ type }) => type === RrType.DNSKEY).map(({ rdata }) => rdata);
  const changed = records.map((record) =>
    record.type === RrType.AAAA ? { ...record, rdata: Buffer.alloc(16) } : record,
  );

  it('verifies with the keys that the DS records of the zone above name [RFC8976-4]', async () => {
    const resolver = new TypedResolver(ds);
    expect(await ask(records, { zonemd: 'off', dnssec: 'full' }, resolver)).to.be.undefined;
    expect(resolver.asked).to.deep.equal([`example ${RrType.DS}`]);
    expect(await ask(changed, { zonemd: 'off', dnssec: 'full' }, resolver)).to.match(/ns1\.example AAAA/);
    expect(await ask(changed, { zonemd: 'off', dnssec: 'apex' }, resolver)).to.be.undefined;
    const bad = { [RrType.DS]: recordsOf(RrType.DS, signedZone('nsec').signer.ds()) };
    for (const dnssec of ['apex', 'full'] as const) {
      expect(await ask(records, { zonemd: 'off', dnssec }, new TypedResolver(bad))).to.match(/named by the/);
    }
  });

  it('proves the whole of a zone by its digest and the signatures of the apex [RFC8976-4]', async () => {
    const resolver = new TypedResolver(ds);
    const words = await ask(records, { zonemd: 'required', dnssec: 'apex' }, resolver);
    expect(words).to.match(/no ZONEMD record/);
  });

  it('verifies with the keys that are secure where nobody is above, or that are configured', async () => {
    const keys = new TypedResolver({ [RrType.DNSKEY]: recordsOf(RrType.DNSKEY, dnskeys) });
    expect(await ask(records, { zonemd: 'off', dnssec: 'full' }, keys)).to.be.undefined;
    const nobody = new TypedResolver();
    const anchors = [trust.anchor];
    expect(await ask(records, { zonemd: 'off', dnssec: 'full' }, nobody, { anchors })).to.be.undefined;
    expect(nobody.asked).to.deep.equal([]);
  });

  it('takes no DS or DNSKEY records that are not secure [RFC8976-4]', async () => {
    for (const status of ['insecure', 'bogus', 'indeterminate'] as const) {
      const resolver = new TypedResolver({
        [RrType.DS]: { ...ds[RrType.DS], status },
        [RrType.DNSKEY]: { ...recordsOf(RrType.DNSKEY, dnskeys), status },
      });
      for (const dnssec of ['apex', 'full'] as const) {
        const words = await ask(records, { zonemd: 'off', dnssec }, resolver);
        expect(words).to.match(
          status === 'insecure' ? /nobody vouches .* `dnssec: off`/ : /cannot be proved/,
        );
      }
    }
  });

  it('refuses what is too large to be checked, and says which limit', async () => {
    const limits = (): { 'check-octets': number } => ({ 'check-octets': 100 });
    const words = await ask(right, { zonemd: 'if-present', dnssec: 'off' }, undefined, { limits });
    expect(words).to.include('check-octets');
  });

  it('checks many versions that come at once', async () => {
    const check = makeVersionCheck({
      config: () => ({ zonemd: 'if-present', dnssec: 'full' }),
      limits: () => ({ 'check-octets': 1 << 24 }),
      resolver: new TypedResolver(ds),
      nowMs: () => nowMs,
    });
    const versions = [records, changed, records, changed].map((each) => versionOf(each));
    const verdicts = await Promise.all(versions.map((version) => check(version, noPause)));
    expect(verdicts.map((words) => words === undefined)).to.deep.equal([true, false, true, false]);
  });
});

describe('checkSchema', () => {
  it('has defaults for what is not said', () => {
    expect(checkSchema.parse(undefined)).to.deep.equal({ zonemd: 'if-present', dnssec: 'off' });
    expect(checkSchema.parse({ dnssec: 'full' })).to.deep.equal({ zonemd: 'if-present', dnssec: 'full' });
    expect(() => checkSchema.parse({ dnssec: 'some' })).to.throw(schema.z.ZodError);
  });
});
