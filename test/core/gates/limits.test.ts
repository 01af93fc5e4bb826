import { expect } from 'chai';
import { clientLimits, defaultClientLimits } from '../../../core/client/limits.ts';
import { gateLimits, gateRows, linkLimits } from '../../../core/gates/limits.ts';
import { limitsOf } from '../../support/limits.ts';

describe('the limits of connections to gates', () => {
  it('are those of the client by other names, with defaults of their own', () => {
    const rows = gateRows({ 'idle-time': 77_000 });
    expect(Object.keys(rows)).to.deep.equal(Object.keys(clientLimits).map((key) => `gate-${key}`));
    expect(rows['gate-idle-time']).to.deep.equal({ ...clientLimits['idle-time'], default: 77_000 });
    expect(rows['gate-connections']).to.deep.equal(clientLimits.connections);
  });

  it('are given to the client by its own names; what an agent has no row for is as usual', () => {
    expect(gateLimits).to.not.have.property('gate-stream-octets');
    const limits = linkLimits({ ...limitsOf(gateLimits), 'gate-idle-time': 5 });
    expect(limits).to.include({
      'idle-time': 5,
      'connect-time': 3_000,
      'stream-octets': defaultClientLimits['stream-octets'],
    });
    expect(Object.keys(limits)).to.deep.equal(Object.keys(clientLimits));
  });
});
