import { expect } from 'chai';
import type { HostParts } from '../../../core/plugin/host.ts';
import { createHost } from '../../../core/plugin/host.ts';
import { do53Limits } from '../../../core/do53/limits.ts';
import { Metrics } from '../../../core/observe/metrics.ts';
import { limitsOf } from '../../support/limits.ts';
import { memoryLog } from '../../support/memory-log.ts';
import { TcpClient, UdpClient, query, reply } from '../do53/plain-bed.ts';

describe('plain DNS of a plugin', () => {
  it('is served by the handler of the plugin, by UDP and TCP, with its label', async () => {
    const [log, metrics] = [memoryLog(), new Metrics()];
    // Nothing else of a daemon is needed for it.
    const host = createHost('some/agent', { log, metrics, access: {} } as unknown as HostParts);
    const remotes: string[] = [];
    const listener = host.listenPlain(
      { addresses: [{ address: '127.0.0.1', port: 0 }], limits: limitsOf(do53Limits) },
      (octets, { remote, isStream }, send) => {
        remotes.push(`${isStream ? 'tcp' : 'udp'} ${remote}`);
        send(octets.readUInt16BE(0) === 13 ? Buffer.alloc(0) : reply(octets.readUInt16BE(0)));
      },
    );
    const [at] = await listener.open();
    if (at === undefined) throw new Error('it has no address');
    const [udp, tcp] = [await UdpClient.open(at), await TcpClient.open(at)];
    await udp.send(query(13), query(1));
    expect(await udp.hears(1)).to.deep.equal([reply(1)]);
    tcp.send(query(2));
    expect(await tcp.hears(1)).to.deep.equal([reply(2)]);
    expect(remotes.at(-1)).to.equal(`tcp 127.0.0.1:${String(tcp.socket.localPort)}`);
    expect(log.of('defect')[0]?.fields).to.include({ gate: 'some/agent' });
    expect(await metrics.text()).to.include(
      'danced_plain_requests_total{agent="some/agent",transport="udp"} 2',
    );
    udp.close();
    tcp.close();
    await listener.close(0);
  });
});
