/** Who a client is to its class: the name that it proved, or the network that a stranger comes from. */
import { isIPv4 } from 'node:net';
import type { AnswerConnection, ClientIdentity } from '../../../core/index.ts';

const groupsOfIpv6 = 8;
/** A network of IPv6 is what one customer gets: /56, here by its octets. */
const networkOctetsOfIpv6 = 7;

/** The same for all connections of a member; no two kinds of members have the same. */
export function memberOf(client: ClientIdentity | undefined, connection: AnswerConnection): string {
  return client === undefined
    ? `network ${networkOf(connection.ends().remote.address)}`
    : `name ${client.name.toString()}`;
}

/** `192.0.2.0/24` or the first octets of an IPv6 address with `/56`; a text that is no address is its own network. */
export function networkOf(address: string): string {
  const plain = /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address.replace(/%.*$/, '');
  if (isIPv4(plain)) return `${plain.slice(0, plain.lastIndexOf('.'))}.0/24`;
  const [head = '', tail] = plain.split('::');
  const first = groupsIn(head);
  const last = groupsIn(tail ?? '');
  const middle =
    tail === undefined ? [] : Array<string>(Math.max(0, groupsOfIpv6 - first.length - last.length)).fill('0');
  const octets = [...first, ...middle, ...last].map((group) => group.padStart(4, '0')).join('');
  return `${octets.slice(0, 2 * networkOctetsOfIpv6)}/56`;
}

function groupsIn(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
