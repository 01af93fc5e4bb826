import { expect } from 'chai';
import { EdeCode, EdnsOptionCode, Rcode, RrType } from '../../core/dns/constants.ts';
import { findOption, parseExtendedError } from '../../core/dns/edns.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../core/dns/message.ts';
import type { Message } from '../../core/dns/message.ts';
import { Name } from '../../core/dns/name.ts';
import { encodeTlsa, encodeTxt } from '../../core/dns/rdata.ts';
import { ask } from '../../lab/ask.ts';
import type { Inquiry } from '../../lab/ask.ts';
import { Authoritative } from '../../lab/authoritative.ts';
import { startLab } from '../../lab/lab.ts';
import type { Lab, ZoneState } from '../../lab/lab.ts';
import { answerEach } from '../../lab/respond.ts';
import { startServer } from '../../lab/servers.ts';
import { SignedZone } from '../../lab/signed-zone.ts';
import { Zone } from '../../lab/zone.ts';
import { askUdp } from './ask-udp.ts';

const tlsa = encodeTlsa({ usage: 3, selector: 1, matchingType: 1, data: Buffer.alloc(32, 7) });
const owner = '_xfr.ns2.example';

/** What a client sees of an answer, in one line. */
function words({ header, answers, edns }: Message): string {
  const option = findOption(edns, EdnsOptionCode.EXTENDED_ERROR);
  const rcode = Object.entries(Rcode).find(([, code]) => code === header.rcode)?.[0];
  const ede = option === undefined ? '' : ` EDE ${parseExtendedError(option).code}`;
  return `${rcode} ${answers.length}${header.ad ? ' AD' : ''}${ede}`;
}

describe('lab/resolver', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await startLab({ transferZone: { name: 'example.com', records: 3 } });
    lab.publishTlsa(owner, [tlsa]);
  });
  afterEach(() => lab.close());

  const look = (name: string, inquiry: Partial<Inquiry> = {}): Promise<Message> =>
    ask(lab.resolver, {
      name: Name.parse(name),
      type: RrType.TLSA,
      ad: true,
      rd: true,
      dnssecOk: true,
      ...inquiry,
    });

  describe('what it says of a TLSA record', () => {
    const states: [title: string, change: (lab: Lab) => void, name: string, seen: string][] = [
      ['signed', () => undefined, owner, 'NOERROR 2 AD'],
      ['of no such name, proved', () => undefined, '_no.ns2.example', 'NXDOMAIN 0 AD'],
      ['that the name does not have, proved', () => undefined, 'ns2.example', 'NOERROR 0 AD'],
      ['withdrawn, the name with it', (it) => it.withdrawTlsa(owner), owner, 'NXDOMAIN 0 AD'],
      [
        'withdrawn, the name still there',
        (it) => {
          it.publish(owner, RrType.TXT, [encodeTxt([Buffer.from('still here')])]);
          it.withdrawTlsa(owner);
        },
        owner,
        'NOERROR 0 AD',
      ],
      [
        'replaced by two',
        (it) => it.publishTlsa(owner, [tlsa, Buffer.from('03010299', 'hex')]),
        owner,
        'NOERROR 3 AD',
      ],
      [
        'in an unsigned zone',
        (it) => it.publishTlsa('x.unsigned.example', [tlsa]),
        'x.unsigned.example',
        'NOERROR 1',
      ],
      ['missing from an unsigned zone', () => undefined, 'x.unsigned.example', 'NXDOMAIN 0'],
      [
        'at the end of an alias',
        (it) => alias(it, 'a.stranger.example', owner),
        'a.stranger.example',
        'NOERROR 4 AD',
      ],
      [
        'at the end of an alias in an unsigned zone',
        (it) => alias(it, 'a.unsigned.example', owner),
        'a.unsigned.example',
        'NOERROR 3',
      ],
      ['below a name that is no zone', () => undefined, 'a.b.nowhere.example', 'NXDOMAIN 0 AD'],
    ];
    for (const [title, change, name, seen] of states) {
      it(`${title}: ${seen}`, async () => {
        change(lab);
        expect(words(await look(name))).to.equal(seen);
      });
    }
  });

  describe('what it says of a zone that is wrongly signed', () => {
    const states: [state: ZoneState, zone: string, seen: string][] = [
      ['valid', 'ns2.example', 'NOERROR 2 AD'],
      ['insecure', 'ns2.example', 'NOERROR 1'],
      ['broken', 'ns2.example', `SERVFAIL 0 EDE ${EdeCode.DNSSEC_BOGUS}`],
      ['broken', 'example', `SERVFAIL 0 EDE ${EdeCode.DNSSEC_BOGUS}`],
      ['broken', '.', `SERVFAIL 0 EDE ${EdeCode.DNSSEC_BOGUS}`],
      ['expired', 'ns2.example', `SERVFAIL 0 EDE ${EdeCode.SIGNATURE_EXPIRED}`],
      ['unsigned', 'ns2.example', `SERVFAIL 0 EDE ${EdeCode.DNSKEY_MISSING}`],
      ['unsigned', 'example', `SERVFAIL 0 EDE ${EdeCode.DNSKEY_MISSING}`],
      ['insecure', 'example', 'NOERROR 2'],
    ];
    for (const [state, zone, seen] of states) {
      it(`${zone} ${state}: ${seen}`, async () => {
        lab.setZoneState(zone, state);
        expect(words(await look(owner))).to.equal(seen);
        lab.setZoneState(zone, 'valid');
        expect(words(await look(owner))).to.equal('NOERROR 2 AD');
      });
    }

    it('denials of a broken zone are bogus, too', async () => {
      lab.setZoneState('ns2.example', 'broken');
      expect(words(await look('_no.ns2.example'))).to.equal('SERVFAIL 0 EDE 6');
    });

    it('a DS record of another key is bogus', async () => {
      lab.zone('example').zone.replace({
        name: Name.parse('ns2.example'),
        type: RrType.DS,
        ttl: 60,
        rdatas: [lab.zone('stranger.example').key.ds],
      });
      expect(words(await look(owner))).to.equal(`SERVFAIL 0 EDE ${EdeCode.DNSKEY_MISSING}`);
    });
  });

  it('says AD only to those who ask for it, by AD or by DO [RFC6840-5.8]', async () => {
    expect(words(await look(owner, { ad: false, dnssecOk: false }))).to.equal('NOERROR 1');
    expect(words(await look(owner, { ad: true, dnssecOk: false }))).to.equal('NOERROR 1 AD');
    expect(words(await look(owner, { ad: false, dnssecOk: true }))).to.equal('NOERROR 2 AD');
  });

  it('withholds nothing from those who validate themselves, and vouches for nothing [RFC4035-3.2.2]', async () => {
    lab.setZoneState('ns2.example', 'broken');
    expect(words(await look(owner, { cd: true }))).to.equal('NOERROR 2');
  });

  it('believes no signature that its clock says has expired', async () => {
    let nowMs = Date.now();
    await using later = await startLab({ signaturesForSeconds: 60, nowMs: () => nowMs });
    later.publishTlsa(owner, [tlsa]);
    const inquiry = { name: Name.parse(owner), type: RrType.TLSA, dnssecOk: true };
    expect(words(await ask(later.resolver, inquiry))).to.equal('NOERROR 2 AD');
    nowMs += 61_000;
    expect(words(await ask(later.resolver, inquiry))).to.equal(`SERVFAIL 0 EDE ${EdeCode.SIGNATURE_EXPIRED}`);
  });

  it('follows a delegation to a server of somebody else, signed or not', async () => {
    const zone = new Zone({ apex: Name.parse('partner.example'), nameServer: Name.parse('ns.example') });
    const signed = new SignedZone(zone, { signing: 'valid', validForSeconds: 60, nowMs: Date.now });
    const theirs = new Authoritative();
    theirs.add(signed);
    zone.replace({ name: Name.parse('_xfr.partner.example'), type: RrType.TLSA, ttl: 60, rdatas: [tlsa] });
    const server = await startServer(answerEach((query) => theirs.respond(query)));
    lab.delegate('partner.example', [signed.key.ds], server);
    expect(words(await look('_xfr.partner.example'))).to.equal('NOERROR 2 AD');
    lab.delegate('partner.example', [], server);
    expect(words(await look('_xfr.partner.example'))).to.equal('NOERROR 2');
    await server.close();
    expect(words(await look('_xfr.partner.example'))).to.equal(
      `SERVFAIL 0 EDE ${EdeCode.NO_REACHABLE_AUTHORITY}`,
    );
  });

  it('gives up on a loop of aliases', async () => {
    alias(lab, 'a.ns2.example', 'b.ns2.example');
    alias(lab, 'b.ns2.example', 'a.ns2.example');
    expect((await look('a.ns2.example')).header.rcode).to.equal(Rcode.SERVFAIL);
  });

  it('keeps a list of the questions it got, also of those it leaves unanswered', async () => {
    await look(owner);
    lab.resolver.isDead = true;
    const error: unknown = await look('ns2.example', { timeoutMs: 50 }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(Error).with.property('message', 'no answer within 50 ms');
    expect(lab.resolver.queries.map(({ name, type }) => `${name.toString()} ${type}`)).to.deep.equal([
      `${owner} ${RrType.TLSA}`,
      `ns2.example ${RrType.TLSA}`,
    ]);
  });

  it('can be slow', async () => {
    lab.resolver.delayMs = 40;
    const startMs = performance.now();
    await look(owner);
    expect(performance.now() - startMs).to.be.at.least(39);
  });

  it('answers over UDP, and cuts what is too long there [RFC2181-9]', async () => {
    const name = Name.parse(owner);
    const query = makeQuery({ id: 77, name, type: RrType.TLSA, rd: true, ad: true });
    const answer = await askUdp(lab.resolver, encodeMessage(query));
    expect(words(parseMessage(answer))).to.equal('NOERROR 1 AD');
    const many = Array.from({ length: 40 }, (_, index) => Buffer.concat([tlsa, Buffer.from([index])]));
    lab.publishTlsa(owner, many);
    const cut = parseMessage(await askUdp(lab.resolver, encodeMessage(query)));
    expect([cut.header.tc, cut.answers.length]).to.deep.equal([true, 0]);
    expect((await look(owner, { dnssecOk: false })).answers).to.have.length(40);
  });

  it('answers octets that are no message with FORMERR [RFC1035-4.1.1]', async () => {
    const query = encodeMessage(makeQuery({ id: 513, name: Name.root, type: RrType.NS }));
    const answer = parseMessage(await askUdp(lab.resolver, Buffer.concat([query, Buffer.from([0])])));
    expect([answer.header.id, answer.header.rcode]).to.deep.equal([513, Rcode.FORMERR]);
  });
});

function alias(lab: Lab, from: string, to: string): void {
  lab.publish(from, RrType.CNAME, [Name.parse(to).wire]);
}
