import { expect } from 'chai';
import { EdnsOptionCode, EdeCode, Opcode, Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { ednsOf, query } from '../../../core/answer/wire.ts';
import { codesOf, textsOf } from '../../../support/answer-gate-bed.ts';
import { GateBed, zoneOf } from './gate-bed.ts';

const corp = { zones: { 'corp.example': 'inner.zone' } };
const prohibited = `${String(Rcode.REFUSED)} ${String(EdeCode.PROHIBITED)}`;
const notSupported = `${String(Rcode.REFUSED)} ${String(EdeCode.NOT_SUPPORTED)}`;
const txt = { type: RrType.TXT };

describe('what the gate of dot-resolver decides', () => {
  let bed: GateBed;

  before(() => {
    bed = new GateBed({
      config: {
        views: { default: { zones: { 'corp.example': 'outer.zone' } }, internal: corp },
      },
      access: `
anonymous: { allow: [{ action: resolve, zones: [open.example] }] }
roles: { staff: { allow: [{ action: resolve, view: internal }] } }
clients:
  "*.guest.example": { allow: [{ action: resolve }] }
  "*.staff.example": { roles: [staff] }
  transfers.example: { allow: [{ action: transfer, zones: [corp.example] }] }
  denied.example: { allow: [{ action: resolve }], deny: [{ action: resolve }] }
  later.example: { allow: [{ action: resolve, not-before: 2026-12-01 }] }
  odd.example: { allow: [{ action: resolve, view: nowhere }] }
  some.example:
    allow:
      - { action: resolve, view: internal, zones: ["*.in.corp.example"] }
      - { action: resolve, zones: [corp.example, "*.corp.example"] }
    deny: [{ action: resolve, zones: [secret.in.corp.example] }]
`,
      files: { 'outer.zone': zoneOf('outer'), 'inner.zone': zoneOf('inner') },
    });
  });

  after(() => bed.close());

  /** Response code and error, and the texts of the answer, for a question of a client. */
  async function hears(client: string | undefined, name = 'www.corp.example'): Promise<string> {
    const answer = await bed.connect(client).ask(name, txt);
    return [codesOf(answer), ...textsOf(answer)].join(' ');
  }

  describe('lets', () => {
    it('a member see the default view, if its rule names none', async () => {
      expect(await hears('a.guest.example')).to.equal('0 outer');
    });

    it('a member see the view of its rule', async () => {
      expect(await hears('a.staff.example')).to.equal('0 inner');
    });

    it('each question see the view of the rule that has its name', async () => {
      const visitor = bed.connect('some.example');
      const names = ['a.corp.example', 'a.in.corp.example', 'secret.in.corp.example', 'b.in.corp.example'];
      const answers = [];
      for (const name of [...names, ...names]) {
        const answer = await visitor.ask(name, txt);
        answers.push([codesOf(answer), ...textsOf(answer)].join(' '));
      }
      expect(answers.slice(0, 4)).to.deep.equal(['0 outer', '0 inner', prohibited, '0 inner']);
      expect(answers.slice(4)).to.deep.equal(answers.slice(0, 4));
    });
  });

  describe('refuses, and says no more than that [RFC8914-4.19]', () => {
    const cases: Readonly<Record<string, readonly [client: string | undefined, reason: string]>> = {
      'an anonymous client': [undefined, 'no-rule'],
      'a client that the list does not know': ['a.stranger.example', 'no-entry'],
      'a client that may only transfer': ['transfers.example', 'no-rule'],
      'a client that is denied': ['denied.example', 'denied'],
      'a client whose time has not come': ['later.example', 'not-now'],
    };
    for (const [what, [client, reason]] of Object.entries(cases)) {
      it(what, async () => {
        const refusedBefore = await bed.metric(`resolve_refused_total{reason="${reason}"}`);
        expect(await hears(client)).to.equal(prohibited);
        expect(await bed.metric(`resolve_refused_total{reason="${reason}"}`)).to.equal(refusedBefore + 1);
        expect(bed.log.of('request refused').at(-1)?.fields).to.include({ client, reason });
      });
    }

    it('a name that no rule of the client is about', async () => {
      expect(await hears('some.example', 'www.elsewhere.example')).to.equal(prohibited);
    });

    it('and has the same answer for all of them, but for the question', async () => {
      const heard = new Set<string>();
      for (const [client] of Object.values(cases)) {
        const [reply] = await bed.connect(client).send(query('www.corp.example', { id: 7, options: [] }));
        heard.add(reply!.toString('hex'));
      }
      expect(heard.size).to.equal(1);
    });
  });

  it('cannot serve a view that is not set up, and says that to the operator [RFC8914-4.15]', async () => {
    expect(await hears('odd.example')).to.equal(`${String(Rcode.SERVFAIL)} ${String(EdeCode.NOT_READY)}`);
    expect(bed.log.of('request refused').at(-1)?.fields).to.include({
      reason: 'unknown-view',
      view: 'nowhere',
    });
  });

  it('lets a member in when its time has come, on a connection that stays', async () => {
    const before = bed.nowMs;
    const visitor = bed.connect('later.example');
    expect(codesOf(await visitor.ask('www.corp.example', txt))).to.equal(prohibited);
    bed.nowMs = Date.UTC(2026, 11, 1);
    expect(textsOf(await visitor.ask('www.corp.example', txt))).to.deep.equal(['outer']);
    bed.nowMs = before;
    expect(codesOf(await visitor.ask('www.corp.example', txt))).to.equal(prohibited);
  });

  it('asks the list again after a moment, though the decision before still counts for a question', async () => {
    const before = bed.nowMs;
    const visitor = bed.connect('later.example');
    bed.nowMs = Date.UTC(2026, 11, 1) - 100;
    expect(codesOf(await visitor.ask('www.corp.example', txt))).to.equal(prohibited);
    bed.nowMs += 300;
    expect(codesOf(await visitor.ask('www.corp.example', txt))).to.equal(prohibited);
    expect(codesOf(await visitor.ask('www.corp.example', txt))).to.equal('0');
    bed.nowMs = before;
  });

  describe('answers what is no plain question of a member', () => {
    const cases: Readonly<Record<string, readonly [octets: Buffer, codes: string]>> = {
      'without RD: REFUSED, and no look into what others have asked [RFC8914-4.19]': [
        query('www.corp.example', { ...txt, rd: false, options: [] }),
        prohibited,
      ],
      'AXFR: REFUSED [RFC9103-11]': [query('corp.example', { type: RrType.AXFR, options: [] }), notSupported],
      'IXFR: REFUSED': [query('corp.example', { type: RrType.IXFR, options: [] }), notSupported],
      'class CH: REFUSED [RFC8914-4.22]': [
        query('version.bind', { ...txt, class: RrClass.CH, options: [] }),
        notSupported,
      ],
      'another opcode: NOTIMP [RFC1035-4.1.1]': [
        Buffer.from(query('corp.example', { type: RrType.SOA })).fill(Opcode.NOTIFY << 3, 2, 3),
        String(Rcode.NOTIMP),
      ],
      'octets after the question: FORMERR': [
        Buffer.concat([query('corp.example'), Buffer.of(1)]),
        String(Rcode.FORMERR),
      ],
      'another version of EDNS: BADVERS [RFC6891-6.1.3]': [
        encodeMessage(
          makeQuery({
            id: 1,
            name: Name.parse('corp.example'),
            type: 1,
            rd: true,
            edns: ednsOf({ version: 3 }),
          }),
        ),
        String(Rcode.BADVERS),
      ],
    };
    for (const [what, [octets, codes]] of Object.entries(cases)) {
      it(what, async () => {
        for (const client of ['a.staff.example', undefined]) {
          const [reply] = await bed.connect(client).send(octets);
          const answer = parseMessage(reply!);
          expect(codesOf(answer)).to.equal(codes);
          expect(answer.answers).to.deep.equal([]);
          expect(answer.header).to.include({
            id: octets.readUInt16BE(0),
            qr: true,
            opcode: (octets[2]! >> 3) & 15,
          });
        }
      });
    }

    it('a response: silence', async () => {
      const visitor = bed.connect('a.staff.example');
      const response = Buffer.from(query('corp.example'));
      response[2] = 0x80;
      expect(await visitor.send(response)).to.deep.equal([]);
      expect(visitor.silences).to.equal(1);
    });
  });

  it('says keepalive and padding to those who ask for it, and nothing of EDNS to who does not [RFC7828-3.3.2] [RFC8467-4.1]', async () => {
    const visitor = bed.connect('a.staff.example');
    const options = [
      { code: EdnsOptionCode.TCP_KEEPALIVE, data: Buffer.alloc(0) },
      { code: EdnsOptionCode.PADDING, data: Buffer.alloc(0) },
    ];
    const { edns } = await visitor.ask('www.corp.example', { ...txt, options });
    expect(edns!.options.map(({ code }) => code)).to.deep.equal([
      EdnsOptionCode.TCP_KEEPALIVE,
      EdnsOptionCode.PADDING,
    ]);
    expect(edns!.options[0]!.data.readUInt16BE(0)).to.equal(1200);
    expect(visitor.replies[0]!.length % 468).to.equal(0);
    await visitor.send(query('www.corp.example', { id: 900, ...txt }));
    expect(parseMessage(visitor.replies.at(-1)!).edns).to.equal(undefined);
  });
});
