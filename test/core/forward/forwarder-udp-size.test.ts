/** Queries that a client's options have made long. */
import { expect } from 'chai';
import { EdnsOptionCode } from '../../../core/dns/constants.ts';
import { ask, ForwardBed, numberIn, plainEdns, queryOf, reply, udp } from '../../support/forward-bed.ts';

/** A query with a Client Subnet option of so many octets, as one who wants harm writes it. */
function longQuery(name: string, octets: number): Buffer {
  const option = { code: EdnsOptionCode.CLIENT_SUBNET, data: Buffer.alloc(octets) };
  return queryOf(name, 1, { ...plainEdns, options: [option] });
}

describe('Forwarder over UDP, with long queries', () => {
  let bed: ForwardBed;

  beforeEach(() => {
    bed = new ForwardBed();
  });

  afterEach(() => bed.close());

  it('sends them over TCP, and does not take what no datagram holds for a server that is down', async () => {
    const over: string[] = [];
    const server = await bed.serve((query) => {
      over.push(query.over);
      reply(query);
    });
    const forwarder = bed.forwarder([udp(server)]);
    const answers = await Promise.all(
      [1, 2, 3].map((n) => ask(forwarder, longQuery(`${n}.example`, 65_450))),
    );
    expect(answers.map(numberIn)).to.deep.equal([1, 2, 3]);
    expect(forwarder.isDown).to.equal(false);
    expect(numberIn(await ask(forwarder, longQuery('4.example', 1_000)))).to.equal(4);
    expect(over).to.deep.equal(['tcp', 'tcp', 'tcp', 'udp']);
  });
});
