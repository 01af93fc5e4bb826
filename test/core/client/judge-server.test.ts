import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { judgeServer, type ServerVerdict } from '../../../core/client/judge-server.ts';
import type { ServerPolicy } from '../../../core/client/server-policy.ts';
import { tlsaFor } from '../../../core/dane/tlsa.ts';
import type { PeerCredentials } from '../../../core/dane/types.ts';
import { Name } from '../../../core/dns/name.ts';
import { encodeTlsa } from '../../../core/dns/rdata.ts';
import { parseCertificate } from '../../../core/pki/certificate.ts';
import { authority, endEntity, sharedKey, type TestCertificate } from '../../support/certificate-factory.ts';

const name = Name.parse('ns1.example');
const nowMs = Date.UTC(2026, 10, 1);
const root = authority({ key: sharedKey('judge root'), subject: 'Root' });
const good = endEntity({
  key: sharedKey('judge server'),
  issuer: root,
  names: ['ns1.example'],
  notAfterMs: nowMs + 5000,
});
const roots = [parseCertificate(root.der)];
const endsMs = nowMs + 60_000;

function shown(certificate: TestCertificate = good): PeerCredentials {
  const { der, spki } = certificate;
  return { certificate: der, subjectPublicKeyInfo: spki, dnsNames: [], chain: [root.der] };
}

function record(usage: number, { der, spki }: TestCertificate = good): Buffer {
  const parameters = { usage, selector: 1, matchingType: 1 };
  return encodeTlsa(tlsaFor({ certificate: der, subjectPublicKeyInfo: spki }, parameters));
}

function judge(
  policy: ServerPolicy,
  tlsa: readonly Buffer[] | undefined,
  peer = shown(),
  atMs = nowMs,
): ServerVerdict {
  return judgeServer(policy, { tlsa, endsMs }, peer, atMs);
}

function reasonOf(verdict: ServerVerdict): string {
  return verdict.isProved ? verdict.proof : verdict.reason;
}

const dane = { name, dane: 'required' } as const;
const pkix = { name, dane: 'if-published', roots } as const;
const pinOf = (spki: Buffer): Buffer => createHash('sha256').update(spki).digest();

describe('the verdict on a server', () => {
  it('is good until the evidence ends, or the path [RFC6698-8.2]', () => {
    expect(judge(dane, [record(3)])).to.deep.include({ isProved: true, endsMs });
    expect(judge(dane, [record(2, root)])).to.deep.include({ isProved: true, endsMs: nowMs + 6000 });
    expect(judge(pkix, undefined)).to.deep.include({ isProved: true, proof: 'PKIX', endsMs: nowMs + 6000 });
  });

  it('names the certificate that is out of date', () => {
    expect(reasonOf(judge(dane, [record(2, root)], shown(), nowMs + 6000))).to.equal('server-expired');
    expect(reasonOf(judge(pkix, undefined, shown(), nowMs + 6000))).to.equal('server-expired');
    const early = endEntity({
      key: good.key,
      issuer: root,
      names: ['ns1.example'],
      notBeforeMs: nowMs + 1000,
    });
    expect(reasonOf(judge(pkix, undefined, shown(early)))).to.equal('server-expired');
    expect(reasonOf(judge(dane, [record(3)], shown(), nowMs + 6000)), '[RFC7671-5.1]').to.match(/^DANE-EE/);
  });

  it('knows a path that does not end at a root from one whose dates are over', () => {
    const stranger = authority({ key: sharedKey('judge stranger'), subject: 'Stranger' });
    const strange = endEntity({ key: good.key, issuer: stranger, names: ['ns1.example'] });
    expect(reasonOf(judge(pkix, undefined, shown(strange)))).to.equal('server-path-invalid');
  });

  it('looks at subjectAltNames only [RFC8310-8.1]', () => {
    const common = endEntity({ key: good.key, issuer: root, subject: 'ns1.example' });
    expect(reasonOf(judge(pkix, undefined, shown(common)))).to.equal('server-name-mismatch');
  });

  it('wants a name and a pin both to hold [RFC8310-6.4]', () => {
    const wrong = [pinOf(root.spki)];
    const right = [pinOf(root.spki), pinOf(good.spki)];
    expect(reasonOf(judge({ ...dane, pins: right }, [record(3)]))).to.equal('DANE-EE SPKI SHA2-256, pin');
    expect(reasonOf(judge({ ...dane, pins: wrong }, [record(3)]))).to.equal('server-pin-mismatch');
    expect(reasonOf(judge({ ...dane, pins: right }, [record(3, root)]))).to.equal('server-key-mismatch');
    expect(reasonOf(judge({ ...pkix, pins: wrong }, undefined))).to.equal('server-pin-mismatch');
    expect(reasonOf(judge({ dane: 'off', pins: right }, undefined))).to.equal('pin');
  });

  it('does not fall from a TLSA record that does not match to a valid path [RFC6698-4.1]', () => {
    expect(reasonOf(judge(pkix, [record(3, root)]))).to.equal('server-key-mismatch');
    expect(reasonOf(judge(pkix, [Buffer.from([9, 1, 1, 0])]))).to.equal('server-no-usable-record');
  });

  it('is no where nothing proves anything', () => {
    expect(reasonOf(judge(dane, undefined))).to.equal('server-no-tlsa');
    expect(reasonOf(judge({ ...dane, pins: [pinOf(good.spki)] }, undefined))).to.equal('server-no-tlsa');
    expect(reasonOf(judge({ name, dane: 'off' }, undefined))).to.equal('server-no-tlsa');
  });

  it('takes no key that others may have', () => {
    const weak = endEntity({ key: sharedKey('judge weak', 'rsa1024'), issuer: root, names: ['ns1.example'] });
    const pins = [pinOf(weak.spki)];
    expect(reasonOf(judge({ dane: 'off', pins }, undefined, shown(weak)))).to.equal('server-weak-key');
    expect(reasonOf(judge(pkix, undefined, shown(weak)))).to.equal('server-weak-key');
  });

  it('judges a raw public key by "3 1 x" and by pins, and finds no path from it [RFC7671-5.1]', () => {
    const raw = { subjectPublicKeyInfo: good.spki, dnsNames: [], chain: [] };
    expect(reasonOf(judge(dane, [record(3)], raw))).to.equal('DANE-EE SPKI SHA2-256');
    expect(reasonOf(judge(dane, [record(2, root)], raw))).to.equal('server-no-usable-record');
    expect(reasonOf(judge(pkix, undefined, raw))).to.equal('server-path-invalid');
    expect(reasonOf(judge({ dane: 'off', pins: [pinOf(good.spki)] }, undefined, raw))).to.equal('pin');
  });
});
