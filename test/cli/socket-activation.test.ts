import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { formatEndpoint } from '../../core/config/endpoint.ts';
import { Rcode } from '../../core/dns/constants.ts';
import { TcpClient, UdpClient } from '../core/do53/plain-bed.ts';
import { makeIdentity } from '../support/identity-files.ts';
import { TestBed } from '../support/peers/test-bed.ts';
import { startWithSockets } from '../support/socket-activation.ts';

/** `. NS`, with RD. */
const question = Buffer.from('00070100000100000000000000000200'.concat('01'), 'hex');

describe('danced with the sockets of a socket unit', () => {
  const bed = new TestBed();

  after(() => bed.close());

  it('answers on them, and needs no port of its own', async function () {
    // The kernel's tables are those of Linux.
    if (process.platform !== 'linux') this.skip();
    const identity = await makeIdentity(bed, 'laptop.example');
    const { child, at } = await startWithSockets('127.0.0.1', (endpoint) => {
      const config = bed.write(
        'agent.yaml',
        // Nobody listens on port 1: the agent has no gate, and says so to everybody who asks.
        `version: 1
identity: { name: ${identity.name}, directory: ${identity.directory} }
resolver: { servers: ["127.0.0.1:1"] }
observe: { level: info, format: json }
plugins:
  - use: dot-resolver/agent
    listen: ["${formatEndpoint(endpoint)}"]
    servers: ["127.0.0.1:1#gate.example"]
`,
      );
      return [join(import.meta.dirname, '../../bin/danced.js'), 'agent', '-c', config];
    });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    const [udp, tcp] = [await UdpClient.open(at), await TcpClient.open(at)];
    try {
      await udp.send(question);
      tcp.send(question);
      for (const heard of [await udp.hears(1), await tcp.hears(1)]) {
        expect(heard[0]?.readUInt16BE(0)).to.equal(7);
        expect((heard[0]?.[3] ?? 0) & 0x0f).to.equal(Rcode.SERVFAIL);
      }
    } finally {
      udp.close();
      tcp.close();
      child.kill();
      const [status] = (await once(child, 'exit')) as [number];
      expect(status, log).to.equal(0);
    }
    expect(log).to.not.include('socket not used');
  });
});
