import { expect } from 'chai';
import { ProvedAddresses, rememberedMs, rememberedPairs } from '../../../core/server/proved-addresses.ts';

describe('addresses from which a name was proved', () => {
  let nowMs: number;
  let proved: ProvedAddresses;

  beforeEach(() => {
    nowMs = 0;
    proved = new ProvedAddresses(() => nowMs);
  });

  it('are known with that name, and with no other', () => {
    proved.note('192.0.2.1', 'a');
    expect(proved.has('192.0.2.1', 'a')).to.be.true;
    expect(proved.has('192.0.2.1', 'b')).to.be.false;
    expect(proved.has('192.0.2.2', 'a')).to.be.false;
    expect([proved.knows('192.0.2.1'), proved.knows('192.0.2.2')]).to.deep.equal([true, false]);
  });

  it('are forgotten after an hour, unless the name is proved again', () => {
    proved.note('192.0.2.1', 'a');
    proved.note('192.0.2.2', 'a');
    nowMs = rememberedMs - 1;
    expect(proved.has('192.0.2.1', 'a')).to.be.true;
    proved.note('192.0.2.1', 'a');
    nowMs += 1;
    expect(proved.has('192.0.2.2', 'a')).to.be.false;
    expect(proved.knows('192.0.2.2')).to.be.false;
    expect(proved.has('192.0.2.1', 'a')).to.be.true;
  });

  it('are bounded, those of late are kept', () => {
    for (let at = 0; at < rememberedPairs; at++) {
      proved.note(`192.0.2.${at}`, 'a');
      expect(proved.size).to.be.at.most(rememberedPairs + 1);
    }
    expect(proved.has('192.0.2.0', 'a')).to.be.false;
    expect(proved.has(`192.0.2.${rememberedPairs - 1}`, 'a')).to.be.true;
    expect(proved.has(`192.0.2.${rememberedPairs - 8192}`, 'a')).to.be.true;
  });
});
