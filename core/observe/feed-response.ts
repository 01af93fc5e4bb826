/**
 * The feed over HTTP: lines of JSON for as long as both sides stay (application/x-ndjson), for watchers on this machine.
 *
 * Who asks whom for what is nobody else's business, so this is for peers on loopback alone, wherever the server listens;
 * not for those behind a proxy that is on loopback, nor for a web page whose name was made to lead here (DNS rebinding).
 *
 * Limitations: whoever may connect to loopback may watch, as he may read /metrics; and so may those behind a proxy there that
 * does not say that it is one.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { FeedReader, type Feed } from './feed.ts';
import type { PrintableRecord } from './printable.ts';

/** The first line. */
export const feedHead = {
  version: 1,
  feed: 'decisions',
  about:
    'each decision of the access list and each connection, as they come; missed: how many you were too slow for',
} as const;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Why this peer may not watch, in words; undefined if it may. */
export function whyNotWatch({ socket, headers, httpVersion }: IncomingMessage): string | undefined {
  if (!isLoopback(socket.remoteAddress ?? ''))
    return 'decisions are shown to this machine alone: connect by a loopback address';
  // Many proxies ask by HTTP/1.0, and say nothing else of themselves.
  if (httpVersion !== '1.1' || proxyHeaders.some((header) => headers[header] !== undefined))
    return 'decisions are not shown through a proxy';
  // A page cannot read them, but it could take the places of those who may.
  if (pageHeaders.some((header) => headers[header] !== undefined)) return notToPages;
  const host = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) === 0 && host !== 'localhost') return notToPages;
  return undefined;
}

const proxyHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'];
const pageHeaders = ['origin', 'sec-fetch-site'];
const notToPages = 'decisions are not shown to web pages: ask by address';

function isLoopback(address: string): boolean {
  // An IPv4 peer of a socket for both families; BlockList knows that form.
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** Writes events till one of the two ends it; to HEAD the head alone. Never rejects. */
export async function sendFeed(feed: Feed, response: ServerResponse): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/x-ndjson; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  const reader = new FeedReader(feed);
  response.once('close', () => {
    reader.close();
  });
  // Whoever has gone needs no more.
  response.on('error', () => {
    reader.close();
  });
  response.write(lines([feedHead]));
  for await (const batch of reader) {
    if (!response.write(lines(batch))) await drained(response);
  }
  response.end();
}

function lines(records: readonly PrintableRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

/** Resolves when there is room again, or nobody to write to. */
async function drained(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const go = (): void => {
    resolve(undefined);
  };
  response.once('drain', go);
  response.once('close', go);
  await promise;
  response.off('drain', go);
  response.off('close', go);
}
