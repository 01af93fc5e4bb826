/** TSIG of a server of ours (RFC 8945), judged by dig of BIND and kdig of Knot DNS: every message of a transfer is signed. */
import { expect } from 'chai';
import { Rcode, RrClass, RrType } from '../../core/dns/constants.ts';
import { frame } from '../../core/dns/framing.ts';
import { encodeMessage, makeResponse, parseMessage, type ResourceRecord } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeA, encodeSoa } from '../../core/dns/rdata.ts';
import { TsigSigner, verifyQuery } from '../../core/tsig/server.ts';
import type { TsigAlgorithm, TsigKey } from '../../core/tsig/key.ts';
import { StreamDaemon } from '../support/peers/stream-daemon.ts';
import { pathOf, runProgram } from '../support/peers/test-bed.ts';

const zone = Name.parse('example.com');
const secret = Buffer.from('0123456789abcdef0123456789abcdef');
const messages = 120;

const soa: ResourceRecord = {
  name: zone,
  type: RrType.SOA,
  class: RrClass.IN,
  ttl: 60,
  rdata: encodeSoa({ mname: zone, rname: zone, serial: 7, refresh: 1, retry: 1, expire: 1, minimum: 1 }),
};

const tools = ['dig', 'kdig'] as const;

/** What they say of signatures that they do not take. */
const complaint = /BADSIG|BADKEY|BADTIME|verif|invalid|failed|out of time|;; (WARNING|ERROR)/i;

for (const tool of tools) {
  describe(`TSIG for ${tool}`, function () {
    this.timeout(30_000);
    let server: StreamDaemon;
    let shiftSeconds = 0;
    let spoil = (octets: Buffer, _number: number): Buffer => octets;
    const keys = new Map<string, TsigKey>();

    before(async () => {
      for (const algorithm of ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as TsigAlgorithm[]) {
        const name = Name.parse(`${algorithm}.key`);
        keys.set(name.key, { name, algorithm, secret });
      }
      server = await StreamDaemon.start((octets, send) => {
        const now = Math.floor(Date.now() / 1000) + shiftSeconds;
        const verified = verifyQuery(octets, keys, now);
        if ('error' in verified) {
          send(frame(verified.error));
          return;
        }
        const signer = new TsigSigner(verified);
        const query = parseMessage(verified.message);
        for (let number = 0; number < messages; number++) {
          const host = {
            name: zone.prepend(`h${number}`),
            type: RrType.A,
            class: RrClass.IN,
            ttl: 60,
            rdata: encodeA('192.0.2.1'),
          };
          const answers = [...(number === 0 ? [soa] : []), host, ...(number === messages - 1 ? [soa] : [])];
          const message = encodeMessage(makeResponse(query, { aa: true, rcode: Rcode.NOERROR, answers }));
          send(frame(spoil(signer.sign(message, now), number)));
        }
      });
    });
    beforeEach(() => {
      shiftSeconds = 0;
      spoil = (octets) => octets;
    });
    after(() => server.close());

    /** What it prints, with all that it says of errors. */
    async function transfer(algorithm: string, name = `${algorithm}.key`, key = secret): Promise<string> {
      const { stdout, stderr } = await runProgram(pathOf(tool), [
        ...['@127.0.0.1', '-p', String(server.port), '-y', `${algorithm}:${name}:${key.toString('base64')}`],
        ...[zone.toString(), 'AXFR', '+tcp', '+time=5', ...(tool === 'dig' ? ['+tries=1'] : ['+retry=0'])],
      ]);
      return `${stdout}\n${stderr}`;
    }

    for (const algorithm of ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512']) {
      it(`takes a transfer of many messages signed with ${algorithm} [RFC8945-5.3.1]`, async () => {
        const text = await transfer(algorithm);
        expect(text.match(/\bh\d+\.example\.com\./g)).to.have.length(messages);
        expect(text).to.not.match(complaint);
      });
    }

    it('takes no transfer of which a message was changed', async () => {
      spoil = (octets, number) => {
        // kdig verifies the first message alone.
        const changed = tool === 'kdig' ? 0 : 60;
        if (number === changed) octets.write('x', octets.indexOf(`h${changed}`));
        return octets;
      };
      expect(await transfer('hmac-sha256')).to.match(complaint);
    });

    for (const [title, act, code] of [
      [
        'BADSIG for another secret',
        () => transfer('hmac-sha256', undefined, Buffer.alloc(32)),
        /BADSIG|invalid signature/i,
      ],
      ['BADKEY for another key', () => transfer('hmac-sha256', 'other.key'), /BADKEY|unknown key/i],
    ] as const) {
      it(`hears ${title} [RFC8945-5.3.2]`, async () => {
        expect(await act()).to.match(code);
      });
    }

    it('hears BADTIME, signed so that it can be verified [RFC8945-5.2.3]', async () => {
      shiftSeconds = 3_600;
      expect(await transfer('hmac-sha256')).to.match(/BADTIME|out of time window/i);
    });
  });
}
