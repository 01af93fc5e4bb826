import { expect } from 'chai';
import type { AccessControl } from '../../../core/acl/access-control.ts';
import { tlsaFor } from '../../../core/dane/tlsa.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import type { SecurityStatus } from '../../../core/dnssec/status.ts';
import { parseCertificate } from '../../../core/pki/certificate.ts';
import type { IssuedIdentity } from '../../../core/pki/issue.ts';
import type { Barred, Visitor } from '../../../core/server/admission.ts';
import {
  identify,
  prove,
  type IdentifyOptions,
  type ProofMeans,
  type ShownClient,
} from '../../../core/server/identify.ts';
import { accessFrom, accessTo } from '../../support/access.ts';
import { ca, leafOf, root } from '../../support/path-search.ts';
import { ScriptedResolver } from '../../support/scripted-resolver.ts';
import { credentialsOf, issueTestIdentity, tlsaOf } from '../../support/test-identity.ts';

const nowMs = Date.UTC(2026, 10, 22);
const hourMs = 3_600_000;

describe('identify', () => {
  let client: IssuedIdentity;
  let thief: IssuedIdentity;
  let resolver: ScriptedResolver;

  before(async () => {
    client = await issueTestIdentity('ns2.example');
    thief = await issueTestIdentity('ns2.example');
  });

  beforeEach(() => {
    resolver = new ScriptedResolver();
    resolver.publish('ns2.example', [tlsaOf(client)]);
  });

  function identifyShown(
    shown: ShownClient,
    options: Partial<IdentifyOptions & Pick<ProofMeans, 'access' | 'roots'>> = {},
  ) {
    const { access = accessTo('ns2.example', 'ns3.example'), roots = [], ...others } = options;
    return identify(
      shown,
      { access, resolver, roots, nowMs: () => nowMs },
      {
        claims: ['extension', 'certificate-name'],
        dialect: 'draft-13',
        longestProofMs: hourMs,
        signal: new AbortController().signal,
        ...others,
      },
    );
  }

  function identifyAs(
    issued: IssuedIdentity,
    names: readonly string[],
    access: AccessControl = accessTo('ns2.example', 'ns3.example'),
    signal = new AbortController().signal,
  ) {
    return identifyShown({ credentials: credentialsOf(issued, ...names) }, { access, signal });
  }

  it('gives the name whose TLSA record matches the key', async () => {
    const { identity, claims } = await identifyAs(client, ['ns2.example']);
    expect(identity?.name.toString()).to.equal('ns2.example');
    expect(identity?.notAfter).to.equal(nowMs + 300_000);
    expect(claims).to.equal('ns2.example');
  });

  it('asks the DNS nothing about names that the access list does not know', async () => {
    const verdict = await identifyAs(client, ['stranger.example', 'victim.example']);
    expect(verdict).to.deep.include({ reason: 'not-admitted', claims: 'stranger.example victim.example' });
    expect(resolver.asked).to.deep.equal([]);
  });

  it('asks only about the name that the access list knows', async () => {
    const { identity } = await identifyAs(client, ['stranger.example', 'ns2.example', 'victim.example']);
    expect(identity?.name.toString()).to.equal('ns2.example');
    expect(resolver.asked).to.deep.equal(['ns2.example']);
  });

  it('has nothing to go by when the certificate has no name', async () => {
    expect(await identifyAs(client, [])).to.deep.include({ reason: 'no-claim', claims: '' });
    expect(resolver.asked).to.deep.equal([]);
  });

  it('tries the next name when the first is not proved', async () => {
    const { identity } = await identifyAs(client, ['ns3.example', 'ns2.example']);
    expect(identity?.name.toString()).to.equal('ns2.example');
    expect(resolver.asked).to.deep.equal(['ns3.example', 'ns2.example']);
  });

  it('asks about no further name when nobody waits for the verdict any more', async () => {
    const verdict = await identifyAs(client, ['ns2.example'], undefined, AbortSignal.abort());
    expect(verdict.identity).to.equal(undefined);
    expect(resolver.asked).to.deep.equal([]);
  });

  it('stops at the first name that is proved', async () => {
    await identifyAs(client, ['ns2.example', 'ns3.example']);
    expect(resolver.asked).to.deep.equal(['ns2.example']);
  });

  it('knows nobody who shows another key', async () => {
    expect(await identifyAs(thief, ['ns2.example'])).to.include({ reason: 'key-mismatch' });
  });

  const statuses: [SecurityStatus, reason: string][] = [
    ['insecure', 'insecure'],
    ['bogus', 'bogus'],
    ['indeterminate', 'lookup-failed'],
  ];
  for (const [status, reason] of statuses) {
    it(`knows nobody by ${status} records [RFC6698-4.1]`, async () => {
      resolver.publish('ns2.example', [tlsaOf(client)], { status });
      expect(await identifyAs(client, ['ns2.example'])).to.include({ reason, detail: 'as the test says' });
    });
  }

  it('names at most four names in its words for the log', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `x${index}.example`);
    expect((await identifyAs(client, names)).claims).to.equal(
      'x0.example x1.example x2.example x3.example …',
    );
  });

  it('fails, and lets nobody in, when the access list fails', async () => {
    const broken: AccessControl = {
      ...accessTo(),
      admit: () => Promise.reject(new Error('the store is away')),
    };
    const words = await identifyAs(client, ['ns2.example'], broken).then(() => 'let in', String);
    expect(words).to.include('the store is away');
  });

  describe('asks before each lookup whether it may be', () => {
    const barred = { reason: 'too-many-lookups', detail: 'limit lookups-per-name' } as const;
    let entered: unknown[];
    let ended: unknown[];
    let answer: (name: string) => Barred | undefined;

    beforeEach(() => {
      entered = [];
      ended = [];
      answer = () => undefined;
    });

    const visitor: Visitor = {
      enter: ({ name, entry }, cost) => {
        entered.push([name.toString(), entry, cost]);
        return answer(name.toString()) ?? { end: (reason) => ended.push(reason) };
      },
      proved: () => undefined,
    };
    const access = accessFrom(`version: 1
clients:
  "*.example": { allow: [{ action: transfer, zones: [x.example] }] }
  ns3.example: { allow: [{ action: transfer, zones: [x.example] }] }
`);

    function identifyAsked(...names: readonly string[]) {
      return identifyShown({ credentials: credentialsOf(client, ...names) }, { access, visitor });
    }

    it('with the entry that admits the name and the cost, and tells what came of it', async () => {
      const { identity } = await identifyAsked('elsewhere.test', 'ns3.example', 'ns2.example');
      expect(identity?.name.toString()).to.equal('ns2.example');
      expect(entered).to.deep.equal([
        ['ns3.example', 'ns3.example', 'query'],
        ['ns2.example', '*.example', 'query'],
      ]);
      expect(ended).to.deep.equal(['no-tlsa', undefined]);
    });

    it('and asks the DNS nothing about a name that may not, but about the others', async () => {
      answer = (name) => (name === 'ns3.example' ? barred : undefined);
      const { identity } = await identifyAsked('ns3.example', 'ns2.example');
      expect(identity?.name.toString()).to.equal('ns2.example');
      expect(resolver.asked).to.deep.equal(['ns2.example']);
    });

    it('and says so when none may', async () => {
      answer = () => barred;
      expect(await identifyAsked('ns3.example', 'ns2.example')).to.deep.include({
        ...barred,
        claims: 'ns3.example ns2.example',
      });
      expect(resolver.asked).to.deep.equal([]);
    });

    it('but not about a name that the access list does not know', async () => {
      await identifyAsked('elsewhere.test');
      expect(entered).to.deep.equal([]);
    });

    it('and ends what it has begun when the resolver fails', async () => {
      resolver.lookup = () => Promise.reject(new Error('a mistake'));
      const words = await identifyAsked('ns2.example').then(() => 'a verdict', String);
      expect([words, ended]).to.deep.equal(['Error: a mistake', ['lookup-failed']]);
    });

    it('and lets no name that could not be judged hide what the client is to blame for', async () => {
      resolver.publish('ns4.example', [], { status: 'indeterminate' });
      expect(await identifyAsked('ns3.example', 'ns4.example')).to.include({ reason: 'no-tlsa' });
      expect(await identifyAsked('ns4.example', 'ns3.example')).to.include({ reason: 'no-tlsa' });
      expect(await identifyAsked('ns4.example')).to.include({ reason: 'lookup-failed' });
    });
  });

  it('proves a name again without the access list', async () => {
    const { name } = (await identifyAs(client, ['ns2.example'])).identity!;
    const means = { access: accessTo(), resolver, nowMs: () => nowMs + hourMs };
    const { identity } = await prove(name, credentialsOf(client), means, hourMs);
    expect(identity?.notAfter).to.equal(nowMs + hourMs + 300_000);
  });

  it('takes a path to one of the roots for usages PKIX-TA and PKIX-EE, and none without', async () => {
    const middle = ca('Middle');
    const leaf = leafOf(middle, { names: ['ns2.example'] });
    const credentials = {
      certificate: leaf.der,
      subjectPublicKeyInfo: leaf.spki,
      dnsNames: [Name.parse('ns2.example')],
      chain: [middle.der],
    };
    const subject = { certificate: leaf.der, subjectPublicKeyInfo: leaf.spki };
    const record = encodeTlsa(tlsaFor(subject, { usage: 1, selector: 1, matchingType: 1 }));
    resolver.publish('ns2.example', [record]);
    const roots = [parseCertificate(root.der)];
    const { identity } = await identifyShown({ credentials }, { roots });
    expect(identity?.proof).to.equal('PKIX-EE SPKI SHA2-256');
    const without = await identifyShown({ credentials });
    expect(without).to.include({ reason: 'no-usable-record' });
    expect(without).to.have.property('detail').that.includes('dane.roots');
  });
});
