import { expect } from 'chai';
import { EdnsOptionCode, RrClass, RrType } from '../../../../core/dns/constants.ts';
import { findOption } from '../../../../core/dns/edns.ts';
import { makeResponse, parseMessage } from '../../../../core/dns/message.ts';
import { Name } from '../../../../core/dns/name.ts';
import { answers, validatorsQuery } from '../../../../core/resolver/upstream/query.ts';

const asked = { name: Name.parse('_xfr.ns2.example'), type: RrType.TLSA };

describe('validatorsQuery', () => {
  it('asks with RD, DO and CD, and not for AD [RFC4035-4.9.2]', () => {
    const { header, edns } = parseMessage(validatorsQuery(7, asked));
    expect(header).to.include({ id: 7, qr: false, rd: true, cd: true, ad: false, aa: false, tc: false });
    expect(edns).to.include({ dnssecOk: true, version: 0, udpPayloadSize: 1232 });
  });

  it('says the question and nothing else', () => {
    const query = parseMessage(validatorsQuery(7, asked));
    expect(query.questions).to.have.length(1);
    expect(query.questions[0]).to.include({ type: RrType.TLSA, class: RrClass.IN });
    expect(query.questions[0]!.name.toString()).to.equal('_xfr.ns2.example');
    expect([query.answers, query.authorities, query.additionals]).to.deep.equal([[], [], []]);
    expect(query.edns!.options).to.deep.equal([]);
  });

  it('is padded with zeros to a multiple of 128 octets, and nothing else, if wanted [RFC8467-4.1]', () => {
    for (let length = 1; length <= 63; length++) {
      const name = Name.parse(`${'a'.repeat(length)}.${'b'.repeat(60)}.example`);
      const query = validatorsQuery(7, { name, type: RrType.TLSA }, { pad: true });
      expect(query.length % 128, `${length}`).to.equal(0);
      const { edns } = parseMessage(query);
      expect(edns!.options.map(({ code }) => code)).to.deep.equal([EdnsOptionCode.PADDING]);
      expect(findOption(edns, EdnsOptionCode.PADDING)!.data.every((octet) => octet === 0)).to.be.true;
    }
  });

  it('is answered only by a response of the same opcode to the same question [RFC5452-9.1]', () => {
    const query = parseMessage(validatorsQuery(7, asked));
    const response = makeResponse(query, {});
    expect(answers(response, asked)).to.be.true;
    expect(answers(query, asked)).to.be.false;
    expect(answers({ ...response, header: { ...response.header, opcode: 4 } }, asked)).to.be.false;
    expect(answers(response, { ...asked, type: RrType.A })).to.be.false;
  });
});
