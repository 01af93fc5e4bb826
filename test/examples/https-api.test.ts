import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { loadAccessList } from '../../core/acl/list-file.ts';
import { handedOnReasons } from '../../core/embed/handed-on.ts';

const folder = new URL('../../examples/https-api/', import.meta.url);

function textOf(file: string): string {
  return readFileSync(new URL(file, folder), 'utf8');
}

describe('examples/https-api', function () {
  this.timeout(60_000);

  it('gives each client what it should get, and says so', async () => {
    // Rejects for an exit status that is not 0.
    const { stdout } = await promisify(execFile)(process.execPath, ['main.ts'], {
      cwd: folder,
      timeout: 50_000,
    });
    const lines = stdout.split('\n');
    expect(lines.filter((line) => line.startsWith('  ✓ '))).to.have.length(11);
    expect(stdout).not.to.include('✗');
    expect(stdout).to.match(
      /says its name in the TLS handshake: 200 hello _sensor-1\._device\.fleet\.example/,
    );
    expect(stdout).to.match(/shows a raw public key: 200 hello _sensor-2\._device\.fleet\.example/);
    expect(stdout).to.match(
      /a stranger says its name: alert handshake_failure \(the log says: not-admitted\)/,
    );
    expect(stdout).to.match(/sent past the proxy: 401 .*not-from-proxy/);
  });

  it('has its dozen lines in its README as they are', () => {
    const [, shown = ''] = /```ts\n([^]*?)```/.exec(textOf('README.md')) ?? [];
    const lines = shown.split('\n').filter((line) => line !== '');
    expect(lines).to.have.length.above(5);
    for (const line of lines) expect(textOf('api.ts')).to.include(line);
  });

  it('describes each of its files in its README', () => {
    const files = readdirSync(folder).filter((name) => /\.(ts|yaml)$/.test(name));
    expect(files).to.have.length.above(5);
    for (const file of files) expect(textOf('README.md')).to.contain(`[${file}](${file})`);
  });

  it('imports of danced what others can import too, but for the lab and the keys', () => {
    for (const file of ['api.ts', 'clients.ts', 'behind-proxy.ts', 'proxy.ts']) {
      const imports = [...textOf(file).matchAll(/from '(\.\.\/[^']*)'/g)].map(([, from]) => from);
      expect(imports.filter((from) => from !== '../../core/index.ts')).to.deep.equal([]);
    }
  });

  it('has an access list', () => {
    expect(loadAccessList(new URL('access.yaml', folder).pathname).size).to.equal(1);
  });
});

describe('docs/library.md', () => {
  const page = readFileSync(new URL('../../docs/library.md', folder), 'utf8');

  it('has every reason that a listener does not have', () => {
    for (const reason of Object.keys(handedOnReasons)) expect(page).to.include(`| \`${reason}\``);
  });
});
