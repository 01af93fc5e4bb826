import { expect } from 'chai';
import { EdeCode } from '../../../core/dns/constants.ts';
import { failureCodes, failureOfAll, resolverFailureCodes } from '../../../core/dns/failure.ts';

describe('the failure of a server that was asked for somebody', () => {
  it('is told as No Reachable Authority where none could be reached [RFC8914-4.23]', () => {
    expect([failureCodes.unreachable, resolverFailureCodes.unreachable]).to.deep.equal([22, 22]);
  });

  it('is told as Network Error where one could be, and the connection failed or was silent [RFC8914-4.24]', () => {
    expect([failureCodes.broken, resolverFailureCodes.broken]).to.deep.equal([23, 23]);
  });

  it('is told as Invalid Data, of an answer that is none, by who answers for a zone alone [RFC8914-4.25]', () => {
    expect([failureCodes.unusable, resolverFailureCodes.unusable]).to.deep.equal([24, EdeCode.NETWORK_ERROR]);
  });

  it('is that none could be reached only if it is so of all', () => {
    expect(failureOfAll([])).to.equal('unreachable');
    expect(failureOfAll(['unreachable', 'unreachable'])).to.equal('unreachable');
    expect(failureOfAll(['unreachable', 'broken'])).to.equal('broken');
    expect(failureOfAll(['unusable', 'unreachable', 'broken'])).to.equal('broken');
    expect(failureOfAll(['unreachable', 'other', 'unusable'])).to.equal('unusable');
    expect(failureOfAll(['unreachable', 'other'])).to.equal('other');
  });
});
