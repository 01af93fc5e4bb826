/**
 * The harness that asks OpenSSL without a handshake, beside `openssl s_client` in real ones: the matrix is worth as much
 * as they agree.
 *
 * Limitations: servers with an ECDSA P-256 key only, since s_client cannot be given a client's certificates to judge,
 * and by a few dozen cases, since each is a handshake and a process.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { Server } from 'node:tls';
import { expect } from 'chai';
import { encodePem } from '../../core/pki/pem.ts';
import { fuzzSeed, Random } from '../fuzz/random.ts';
import { sharedKey } from '../support/certificate-factory.ts';
import { caseGroups } from '../support/openssl-dane/matrix.ts';
import type { DaneCase } from '../support/openssl-dane/matrix.ts';
import { askOpenssl, buildHarness } from '../support/openssl-dane/openssl-dane.ts';
import type { DaneQuestion } from '../support/openssl-dane/openssl-dane.ts';
import { pathOf, runProgram, TestBed } from '../support/peers/test-bed.ts';

const sampleSize = 40;

describe('the OpenSSL harness', function () {
  this.timeout(60_000);
  const bed = new TestBed();

  after(() => bed.close());

  it('says what openssl s_client says of the same certificates and records in a handshake', async () => {
    const harness = await buildHarness(bed);
    const random = new Random(fuzzSeed);
    const candidates = caseGroups
      .filter(({ title }) => title !== 'chance')
      .flatMap(({ make }) => make(fuzzSeed))
      .filter(isFitForHandshake);
    const sample = Array.from({ length: sampleSize }, () => random.pick(candidates));
    const answers = askOpenssl(
      harness,
      sample.map(({ question }) => question),
    );
    const said: string[] = [];
    for (const { question } of sample) said.push(await askClient(bed, question));
    const words = answers.map((answer) => (answer.kind === 'fault' ? answer.words : answer.kind));
    expect(said).to.deep.equal(words);
    expect(words.filter((word) => word === 'match')).to.have.length.within(
      sampleSize / 8,
      (sampleSize * 7) / 8,
    );
  });
});

/** A server whose own key is at hand, names that s_client takes as text, and a record that OpenSSL would use. */
function isFitForHandshake({ parts, question: { purpose, name, records, chain } }: DaneCase): boolean {
  return (
    purpose === 'server' &&
    /^[a-z0-9.]+$/.test(name) &&
    /^(sound|.*extendedKeyUsage|.*nameConstraints|.*pathLength|.*expired)/.test(parts.variation) &&
    chain.length > 0 &&
    records.length === 1 &&
    parts.records.every(
      ({ usage, selector, matchingType, damage }) =>
        usage < 4 && selector < 2 && matchingType < 3 && (damage === undefined || damage === 'wrong'),
    ) &&
    parts.records.every(({ matchingType, damage }) => matchingType > 0 || damage === undefined)
  );
}

/** What s_client finds: 'match', or the words of its fault. */
async function askClient(bed: TestBed, question: DaneQuestion): Promise<string> {
  const server = await serve(question.chain);
  const { port } = server.address() as AddressInfo;
  const roots = question.roots.map((der) => encodePem(der, 'CERTIFICATE')).join('');
  const { stdout, stderr } = await runProgram(pathOf('openssl'), [
    's_client',
    '-brief',
    ...['-connect', `127.0.0.1:${String(port)}`],
    ...['-dane_tlsa_domain', question.name, '-dane_ee_no_namechecks', '-verify_return_error'],
    ...['-attime', String(question.nowMs / 1000), '-no-CApath', '-no-CAstore'],
    ...(roots === '' ? ['-no-CAfile'] : ['-CAfile', bed.write('roots.pem', roots)]),
    ...question.records.flatMap((rdata) => [
      '-dane_tlsa_rrdata',
      `${[...rdata.subarray(0, 3)].join(' ')} ${rdata.subarray(3).toString('hex')}`,
    ]),
  ]);
  server.close();
  const output = stdout + stderr;
  if (output.includes('Verification: OK')) return 'match';
  return /^verify error:num=\d+:(.*)$/m.exec(output)?.[1] ?? output;
}

async function serve(chain: readonly Buffer[]): Promise<Server> {
  const server = createServer({
    key: sharedKey('leaf').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: chain.map((der) => encodePem(der, 'CERTIFICATE')).join(''),
  });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => socket.on('error', () => undefined).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
