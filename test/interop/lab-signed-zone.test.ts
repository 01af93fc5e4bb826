import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { RrClass, RrType } from '../../core/dns/constants.ts';
import { Name } from '../../core/dns/name.ts';
import { presentRecord } from '../../core/dns/present.ts';
import { encodeA, encodeMx, encodeTlsa, encodeTxt, parseNsec } from '../../core/dns/rdata.ts';
import { SignedZone } from '../../lab/signed-zone.ts';
import type { Signing } from '../../lab/signed-zone.ts';
import { recordsOf, Zone } from '../../lab/zone.ts';

const apex = Name.parse('Example');
const nameServer = Name.parse('NS.Example');

/** A zone with what is hard to sign: empty non-terminals, cuts with and without DS, glue, capitals, several records. */
function signedZone(signing: Signing): SignedZone {
  const zone = new Zone({ apex, nameServer });
  const add = (name: string, type: number, rdata: Buffer): void => {
    zone.add({ name: Name.parse(name), type, class: RrClass.IN, ttl: 60, rdata });
  };
  add('NS.Example', RrType.A, encodeA('192.0.2.53'));
  add('NS.Example', RrType.A, encodeA('192.0.2.3'));
  add('MiXed.Case.Example', RrType.MX, encodeMx({ preference: 5, exchange: Name.parse('MAIL.example') }));
  add('alias.example', RrType.CNAME, Name.parse('Mixed.case.example').wire);
  add('_25._TCP.deep.empty.example', RrType.TLSA, tlsa);
  add('octets.\\001\\200.example', RrType.TXT, encodeTxt([Buffer.from([0, 34, 92, 200])]));
  add('child.example', RrType.NS, Name.parse('ns.child.example').wire);
  add('ns.child.example', RrType.A, encodeA('192.0.2.54'));
  add('safe.example', RrType.NS, nameServer.wire);
  const signed = new SignedZone(zone, { signing, validForSeconds: 3600, nowMs: Date.now });
  add('safe.example', RrType.DS, signed.key.ds);
  return signed;
}

const tlsa = encodeTlsa({ usage: 3, selector: 1, matchingType: 1, data: Buffer.alloc(32, 1) });

describe('lab/signed-zone', () => {
  describe('in the eyes of ldns-verify-zone', () => {
    let folder = '';
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'danced-lab-'));
    });
    after(() => rm(folder, { recursive: true }));

    async function verdict(signed: SignedZone): Promise<string> {
      const file = join(folder, 'zone');
      const lines = [...signed.rrsets()].flatMap(recordsOf).map((record) => `${presentRecord(record)}\n`);
      await writeFile(file, lines.join(''));
      return new Promise((resolve) => {
        execFile('ldns-verify-zone', [file], (_error, stdout, stderr) => resolve(stdout + stderr));
      });
    }

    it('is verified and complete [RFC4034-6]', async () => {
      expect(await verdict(signedZone('valid'))).to.contain('Zone is verified and complete');
    });

    it('is so again after a change', async () => {
      const signed = signedZone('valid');
      await verdict(signed);
      signed.zone.replace({ name: Name.parse('new.example'), type: RrType.TLSA, ttl: 9, rdatas: [tlsa] });
      signed.zone.serial += 1;
      expect(await verdict(signed)).to.contain('Zone is verified and complete');
    });

    const wrong: [Signing, string][] = [
      ['broken', 'Bogus DNSSEC signature'],
      ['expired', 'DNSSEC signature has expired'],
    ];
    for (const [signing, words] of wrong) {
      it(`is not if it is ${signing} on purpose`, async () => {
        expect(await verdict(signedZone(signing))).to.contain(words);
      });
    }
  });

  it('has no signature and no DNSSEC record when unsigned', () => {
    const signed = signedZone('valid');
    signed.sign('unsigned');
    const types = [...signed.rrsets()].map(({ type }) => type);
    expect(types).not.to.include.members([RrType.RRSIG]);
    expect(types).not.to.include.members([RrType.DNSKEY]);
    expect(signed.nsecFor(apex)).to.be.undefined;
  });

  it('finds the NSEC record before a name that does not exist', () => {
    const nsec = signedZone('valid').nsecFor(Name.parse('child0.example'));
    expect(nsec?.name.toString()).to.equal('child.example');
    expect(parseNsec(nsec!.rdatas[0]!).nextName.toString()).to.equal('_25._TCP.deep.empty.example');
  });

  it('says of a cut only that it is one [RFC4034-4.1.2]', () => {
    const nsec = signedZone('valid').nsecFor(Name.parse('safe.example'));
    expect(parseNsec(nsec!.rdatas[0]!).types).to.have.members([
      RrType.NS,
      RrType.DS,
      RrType.RRSIG,
      RrType.NSEC,
    ]);
  });
});
