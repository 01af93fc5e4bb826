import { expect } from 'chai';
import { forwardedQuery, QueryReader } from '../../../core/index.ts';
import { EdnsOptionCode, RrType } from '../../../core/dns/constants.ts';
import { encodeMessage, makeQuery, parseMessage } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { hopQuery } from '../../../core/gates/hop-query.ts';

function queryFor(name: string, options: readonly { code: number; data: Buffer }[] = []): Buffer {
  const edns = { udpPayloadSize: 4096, version: 0, dnssecOk: true, extendedRcode: 0, options };
  const octets = encodeMessage(
    makeQuery({ id: 4711, name: Name.parse(name), type: RrType.A, rd: true, edns }),
  );
  const reader = new QueryReader(1);
  expect(reader.read(octets, 0, octets.length)).to.equal(true);
  return hopQuery(forwardedQuery(reader));
}

describe('a query on its way to a gate', () => {
  it('is padded to a multiple of 128 octets, whatever its length [RFC8467-4.1] [RFC7830-3]', () => {
    for (let labels = 1; labels < 100; labels += 1) {
      const octets = queryFor(`${'a.'.repeat(labels)}example`);
      expect(octets.length % 128).to.equal(0);
      const options = parseMessage(octets).edns?.options ?? [];
      expect(options.map(({ code }) => code)).to.deep.equal([
        EdnsOptionCode.TCP_KEEPALIVE,
        EdnsOptionCode.PADDING,
      ]);
      expect(options[1]?.data.every((octet) => octet === 0)).to.equal(true);
    }
    expect(queryFor('example')).to.have.length(128);
  });

  it('asks for the idle time of the gate with an empty option [RFC7828-3.2.1]', () => {
    expect(parseMessage(queryFor('www.example')).edns?.options[0]?.data).to.have.length(0);
  });

  it('has nothing of what the program said but question, DO and CD [RFC7871-11.1]', () => {
    const subnet = { code: EdnsOptionCode.CLIENT_SUBNET, data: Buffer.from('00011800c00002', 'hex') };
    const cookie = { code: EdnsOptionCode.COOKIE, data: Buffer.alloc(8, 7) };
    const padding = { code: EdnsOptionCode.PADDING, data: Buffer.alloc(300) };
    const plain = queryFor('www.example');
    expect(queryFor('www.example', [subnet, cookie, padding]).toString('hex')).to.equal(
      plain.toString('hex'),
    );
    expect(parseMessage(plain).header).to.include({ id: 0, rd: true, cd: false });
    expect(parseMessage(plain).edns?.dnssecOk).to.equal(true);
  });
});
