import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { whyNotWatch } from '../../../core/observe/feed-response.ts';

/** A request for the feed from this address, by a client that shows nothing else. */
function from(remoteAddress: string | undefined): IncomingMessage {
  const request = { socket: { remoteAddress }, headers: { host: '127.0.0.1:9153' }, httpVersion: '1.1' };
  return request as unknown as IncomingMessage;
}

describe('who may watch decisions', () => {
  for (const address of ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1']) {
    it(`is a peer at ${address}`, () => {
      expect(whyNotWatch(from(address))).to.equal(undefined);
    });
  }

  const far = [
    '192.0.2.1',
    '128.0.0.1',
    '::ffff:192.0.2.1',
    '2001:db8::1',
    '::',
    'fe80::1%eth0',
    '',
    undefined,
  ];
  for (const address of far) {
    it(`is no peer at ${String(address)}, also where the server listens to all`, () => {
      expect(whyNotWatch(from(address))).to.include('this machine alone');
    });
  }
});
