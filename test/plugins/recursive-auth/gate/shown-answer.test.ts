import { expect } from 'chai';
import fc from 'fast-check';
import { Rcode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import {
  encodeMessage,
  makeQuery,
  makeResponse,
  parseMessage,
  type Message,
  type ResourceRecord,
} from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { encodeA, encodeMx, encodeName } from '../../../../core/dns/rdata.ts';
import { NamesBelow } from '../../../../plugins/recursive-auth/gate/names-below.ts';
import { shownAnswer } from '../../../../plugins/recursive-auth/gate/shown-answer.ts';

const names = new NamesBelow(undefined, [Name.parse('corp.example.com')]);
const few = new NamesBelow([Name.parse('example.com')], []);

function record(name: string, type: number, rdata: Buffer): ResourceRecord {
  return { name: Name.parse(name), type, class: RrClass.IN, ttl: 300, rdata };
}
const a = (name: string): ResourceRecord => record(name, RrType.A, encodeA('192.0.2.7'));
const alias = (name: string, to: string): ResourceRecord =>
  record(name, RrType.CNAME, encodeName(Name.parse(to)));
const ns = (name: string, to: string): ResourceRecord => record(name, RrType.NS, encodeName(Name.parse(to)));
/** Nobody reads the data of these here. */
const denial = (name: string): ResourceRecord =>
  record(name, RrType.NSEC, Buffer.concat([encodeName(Name.parse('z.example.com')), Buffer.from([0, 1, 2])]));
const signature = (name: string, covered: number): ResourceRecord =>
  record(
    name,
    RrType.RRSIG,
    Buffer.concat([
      Buffer.from([0, covered]),
      Buffer.alloc(16),
      encodeName(Name.parse('example.com')),
      Buffer.alloc(64),
    ]),
  );

function answerOf(asked: string, fields: Parameters<typeof makeResponse>[1]): Buffer {
  const query = makeQuery({ id: 7, name: Name.parse(asked), type: RrType.A });
  return encodeMessage(makeResponse(query, { aa: true, ...fields }));
}

function shown(octets: Buffer, to = names): Message {
  const outcome = shownAnswer(octets, to);
  if (!Buffer.isBuffer(outcome)) throw new Error(outcome.failure);
  return parseMessage(outcome);
}

const owners = (records: readonly ResourceRecord[]): string[] =>
  records.map(({ name, type }) => `${name.toString()} ${String(type)}`);

describe('what a class is shown of an answer', () => {
  it('ends at an alias to a name that is not for it, whatever the server says of that [RFC6604-3]', () => {
    const chain = [alias('www.example.com', 'WWW.Corp.example.com'), a('WWW.Corp.example.com')];
    for (const rcode of [Rcode.NOERROR, Rcode.NXDOMAIN]) {
      const answers = rcode === Rcode.NOERROR ? chain : chain.slice(0, 1);
      const authorities = [ns('corp.example.com', 'ns1.example.com')];
      const additionals = [a('ns1.example.com')];
      const message = shown(answerOf('www.example.com', { rcode, answers, authorities, additionals }));
      expect(owners(message.answers)).to.deep.equal(['www.example.com 5']);
      expect([message.authorities, message.additionals]).to.deep.equal([[], []]);
      expect(message.header).to.include({ rcode: Rcode.NOERROR, aa: true });
    }
  });

  it('is no record of another zone of the server, where its zones are told one by one', () => {
    const answers = [alias('www.example.com', 'www.corp.example'), a('www.corp.example')];
    const message = shown(answerOf('www.example.com', { answers }), few);
    expect(owners(message.answers)).to.deep.equal(['www.example.com 5']);
  });

  it('has no additional records of such names, but those of a delegation', () => {
    const mx = record(
      'example.com',
      RrType.MX,
      encodeMx({ preference: 1, exchange: Name.parse('mail.corp.example.com') }),
    );
    const additionals = [a('mail.corp.example.com'), a('mail.example.com')];
    const message = shown(answerOf('example.com', { answers: [mx], additionals }));
    expect(owners(message.additionals)).to.deep.equal(['mail.example.com 1']);
    const delegation = answerOf('a.sub.example.com', {
      aa: false,
      authorities: [ns('sub.example.com', 'ns.corp.example.com')],
      additionals: [a('ns.corp.example.com')],
    });
    expect(shownAnswer(delegation, names)).to.equal(delegation);
  });

  it('has the proof that the alias is that of a wildcard [RFC4035-3.1.3.3]', () => {
    const answers = [
      alias('a.example.com', 'b.corp.example.com'),
      signature('a.example.com', RrType.CNAME),
      a('b.corp.example.com'),
    ];
    const authorities = [
      ns('corp.example.com', 'ns1.example.com'),
      denial('example.com'),
      signature('example.com', RrType.NSEC),
      signature('example.com', RrType.NS),
      denial('corp.example.com'),
    ];
    const message = shown(answerOf('a.example.com', { answers, authorities }));
    expect(owners(message.answers)).to.deep.equal(['a.example.com 5', 'a.example.com 46']);
    expect(owners(message.authorities)).to.deep.equal(['example.com 47', 'example.com 46']);
  });

  it('is all of it where nothing is hidden', () => {
    const octets = answerOf('www.example.com', {
      answers: [alias('www.example.com', 'web.example.com'), a('web.example.com')],
      authorities: [ns('example.com', 'ns1.example.com')],
      additionals: [a('ns1.example.com')],
    });
    expect(shownAnswer(octets, names)).to.equal(octets);
    expect(shownAnswer(octets, few)).to.equal(octets);
  });

  it('is nothing of what cannot be read', () => {
    const octets = answerOf('www.example.com', { answers: [a('www.example.com')] });
    expect(shownAnswer(octets.subarray(0, -3), names))
      .to.have.property('failure')
      .that.includes('malformed');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        shownAnswer(Buffer.from(random), names);
      }),
    );
  });
});
