/**
 * `npm run example:https-api`: an HTTPS API that knows its clients by name, a second one behind TLS-terminating proxies, and
 * clients for both. A lab takes the place of the DNS. Prints what each client got, and ends: 0 if that was what it should get,
 * 1 if not.
 *
 * Limitations: everything is on 127.0.0.1, on ports that the system gives; keys are made anew each time and are gone at the end.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openParty, type Party } from '../../cli/demo/party.ts';
import { ScratchDirectory } from '../../cli/demo/scratch-directory.ts';
import { openAuthenticator, type LogFunction } from '../../core/index.ts';
import { startLab } from '../../lab/lab.ts';
import { startApi } from './api.ts';
import { startBehindFields, startBehindHeader } from './behind-proxy.ts';
import { askAsDevice, askPastProxy, askPlainly } from './clients.ts';
import { startFieldsProxy, startHeaderProxy } from './proxy.ts';

const scratch = new ScratchDirectory();
const lab = await startLab({ zones: ['api.example', 'fleet.example', 'stranger.example'] });
const open = (name: string, folder = name): Promise<Party> => openParty(name, join(scratch.path, folder));
const server = await open('api.example');
const [sensor1, sensor2, sensor3] = [await device(1), await device(2), await device(3)];
const stranger = await open('stranger.example');
/** The name of a device of the fleet, and a key of its own. */
await open(sensor1.name.toString(), 'impostor');
for (const { name, tlsa } of [sensor1, sensor2, sensor3, stranger]) lab.publishTlsa(name, [tlsa]);

const anchors = join(scratch.path, 'root.key');
writeFileSync(anchors, `${lab.rootAnchor()}\n`);
// Any resolver that passes DNSSEC records through will do; danced validates by itself, here from the key of the lab's root.
const resolver = { servers: [`127.0.0.1:${String(lab.resolver.port)}`], 'trust-anchors': anchors };
const access = join(import.meta.dirname, 'access.yaml');
/** Why the API refused a client; the client is not told. */
const reasons: string[] = [];
const log: LogFunction = (_level, event, fields) => {
  if (event === 'connection refused') reasons.push(String(fields['reason']));
};

const surprises: string[] = [];
await atTheApi();
await behindProxies();
await lab.close();
scratch.remove();
process.exitCode = surprises.length === 0 ? 0 : 1;

/** The first face: danced listens for the API. */
async function atTheApi(): Promise<void> {
  const api = await startApi({ identity: join(scratch.path, 'api.example'), access, resolver, log });
  lab.publishTlsa(`_${String(api.port)}._tcp.api.example`, [server.tlsa]);
  say(`The API listens on 127.0.0.1 port ${String(api.port)} and knows *._device.fleet.example.`);
  const as = (folder: string, { name }: Party) => ({
    identity: join(scratch.path, folder),
    name: name.toString(),
    resolver,
  });
  const said = await askAsDevice(as('sensor-1', sensor1), api.port);
  tell('sensor 1 says its name in the TLS handshake', said, hello(sensor1));
  const bare = await askAsDevice({ ...as('sensor-2', sensor2), shows: 'raw-public-key' }, api.port);
  tell('sensor 2 says its name, and shows a raw public key', bare, hello(sensor2));
  const plain = await plainly(sensor3, api.port);
  tell('sensor 3, node:https with a certificate', plain, hello(sensor3));
  const refused = 'alert handshake_failure';
  const strange = await askAsDevice(as('stranger.example', stranger), api.port);
  tell('a stranger says its name', strange, refused, [reasons, 'not-admitted']);
  const other = await askAsDevice(as('impostor', sensor1), api.port);
  tell('the name of sensor 1 with another key', other, refused, [reasons, 'key-mismatch']);
  await api.close();
}

/** The second face: somebody else speaks TLS, and danced proves what the application is handed. */
async function behindProxies(): Promise<void> {
  const danced = await openAuthenticator({ access, resolver });
  const app = await startBehindFields(danced);
  const proxy = await startFieldsProxy({ ...server, to: app.port });
  say('A proxy that sends Client-Cert (RFC 9440), and behind it plain HTTP:');
  tell('sensor 3 through the proxy', await plainly(sensor3, proxy.port), hello(sensor3));
  const refused = '401 who are you?';
  tell('the stranger', await plainly(stranger, proxy.port), refused, [app.refusals, 'not-admitted']);
  const forged = { 'Client-Cert': `:${sensor3.certificate.toString('base64')}:` };
  const sent = await plainly(stranger, proxy.port, forged);
  tell('the stranger sends the field itself; the proxy removes it', sent, refused, [
    app.refusals,
    'not-admitted',
  ]);
  const past = await askPastProxy(forged, app.port);
  tell('the field, sent past the proxy', past, refused, [app.refusals, 'not-from-proxy']);

  const second = await startBehindHeader(danced);
  const other = await startHeaderProxy({ ...server, to: second.port });
  say('A proxy that sends a PROXY header (version 2), and behind it plain HTTP:');
  tell('sensor 3 through the proxy', await plainly(sensor3, other.port), hello(sensor3));
  const none = await plainly(stranger, other.port);
  tell('the stranger', none, 'the connection is closed', [second.refusals, 'not-admitted']);
  for (const one of [proxy, other, app, second]) one.close();
  await danced.close(0);
}

function device(number: number): Promise<Party> {
  return open(`_sensor-${String(number)}._device.fleet.example`, `sensor-${String(number)}`);
}

function plainly(
  party: Party,
  port: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  return askPlainly({ ...party, ca: server.certificatePem, headers }, port);
}

function hello({ name }: Party): string {
  return `200 hello ${name.toString()}, known by DANE-EE SPKI SHA2-256`;
}

function say(text: string): void {
  process.stdout.write(`\n${text}\n`);
}

/** One line for what a client got; `why`: the log of the server, and what must be its last reason. */
function tell(
  client: string,
  got: string,
  expected: string,
  why?: [log: readonly string[], reason: string],
): void {
  const reason = why?.[0].at(-1);
  const isRight = got === expected && reason === why?.[1];
  if (!isRight) surprises.push(client);
  const because = reason === undefined ? '' : ` (the log says: ${reason})`;
  process.stdout.write(`  ${isRight ? '✓' : '✗'} ${client}: ${got}${because}\n`);
  if (!isRight) process.stdout.write(`    expected: ${expected}${why ? ` (${why[1]})` : ''}\n`);
}
