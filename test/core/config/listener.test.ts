import { expect } from 'chai';
import { checkConfig } from '../../../core/config/config.ts';
import { YamlDocument } from '../../../core/config/document.ts';
import { ConfigError } from '../../../core/config/errors.ts';
import { everyAbility, listenerKeys, listenerTls, type TlsAbilities } from '../../../core/config/listener.ts';
import { choice, z } from '../../../core/config/schema.ts';

const schema = z.strictObject(listenerKeys({ onFailure: 'anonymous' }));
const plugins = new Map([
  ['gate', { schema }],
  // Somebody's plugin with a key of the same name and another meaning.
  ['other', { schema: z.strictObject({ claims: z.array(choice(['extension'])).optional() }) }],
]);

const nothing: TlsAbilities = {
  extension: false,
  rawPublicKeys: false,
  recordPadding: false,
  problem: 'it is not built; build it with: npm run build:native',
};

function load(entry: string, can: TlsAbilities = everyAbility, more = '') {
  const text = `version: 1
identity: { name: gate.example, directory: identity }
resolver: { servers: [127.0.0.1] }
access: { store: file, file: access.yaml }
${more}plugins:
  - { use: ${entry} }
`;
  return checkConfig(YamlDocument.parse(text, 'danced.yaml'), plugins, can).config;
}

function problemsOf(...parameters: Parameters<typeof load>): string[] {
  try {
    load(...parameters);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
}

describe('the keys of a listener', () => {
  it('have defaults, of which one is the plugin’s', () => {
    expect(listenerTls(schema.parse({}))).to.deep.equal({
      claims: ['extension', 'certificate-name'],
      onFailure: 'anonymous',
      dialect: 'draft-13',
      rawPublicKeys: true,
      recordPadding: 0,
    });
  });

  it('are read as they are written', () => {
    const [use] = load(
      'gate, claims: [certificate-name], on-failure: alert, dialect: draft-09, raw-public-keys: false, record-padding: 512',
    ).plugins;
    expect(use?.config).to.deep.equal({
      claims: ['certificate-name'],
      'on-failure': 'alert',
      dialect: 'draft-09',
      'raw-public-keys': false,
      'record-padding': 512,
    });
  });

  it('refuse certificate names before what the client says [DANCE-8.2]', () => {
    const [problem] = problemsOf('gate, claims: [certificate-name, extension]');
    expect(problem)
      .to.include('a name that a client says decides')
      .and.to.include('[extension, certificate-name]');
  });

  it('have the number of the extension beside them, for private use if not said [RFC8446-11]', () => {
    expect(load('gate').dane.extensionType).to.equal(0xff5b);
    expect(load('gate', everyAbility, 'dane: { extension-type: 0xFF01 }\n').dane.extensionType).to.equal(
      0xff01,
    );
  });

  const wrong: [entry: string, more: string, says: RegExp][] = [
    ['gate, claims: []', '', /plugins\[0\]\.claims: is an empty list; write at least 1/],
    [
      'gate, claims: [extension, extension]',
      '',
      /plugins\[0\]\.claims: names a source twice; for example: claims: /,
    ],
    ['gate, claims: [certificate]', '', /plugins\[0\]\.claims\[0\]: is the text "certificate"; /],
    [
      'gate, on-failure: refuse',
      '',
      /plugins\[0\]\.on-failure: is the text "refuse"; write one of: alert, anonymous/,
    ],
    ['gate, dialect: draft-10', '', /plugins\[0\]\.dialect: .*draft-1/],
    [
      'gate, record-padding: 16385',
      '',
      /plugins\[0\]\.record-padding: .*too large; write a number from 0 to 16384/,
    ],
    ['gate, raw-public-keys: no', '', /plugins\[0\]\.raw-public-keys: .*write true or false/],
    [
      'gate',
      'dane: { extension-type: 0x10000 }\n',
      /dane\.extension-type: .*too large; write a number from 1 to 65535/,
    ],
  ];
  for (const [entry, more, says] of wrong) {
    it(`refuse ${more.trim() || entry}`, () => {
      const [problem, ...others] = problemsOf(entry, everyAbility, more);
      expect(problem).to.match(says);
      expect(others).to.deep.equal([]);
    });
  }

  it('refuse a number that the TLS library has itself, with its place', () => {
    const can = { ...everyAbility, takesExtensionType: (number: number) => number !== 16 };
    const [problem] = problemsOf('gate', can, 'dane: { extension-type: 16 }\n');
    expect(problem).to.include(
      'dane.extension-type: 16 is another extension, which the TLS library has itself',
    );
    expect(problemsOf('gate', can, 'dane: { extension-type: 0xff00 }\n')).to.deep.equal([]);
  });

  describe('without the TLS addon', () => {
    const refused: [entry: string, more: string, path: string][] = [
      ['gate, claims: [extension]', '', 'plugins[0].claims'],
      ['gate, claims: [extension, certificate-name]', '', 'plugins[0].claims'],
      ['gate, dialect: draft-09', '', 'plugins[0].dialect'],
      ['gate, raw-public-keys: true', '', 'plugins[0].raw-public-keys'],
      ['gate, record-padding: 1', '', 'plugins[0].record-padding'],
      ['gate', 'dane: { extension-type: 0xff5b }\n', 'dane.extension-type'],
    ];
    for (const [entry, more, path] of refused) {
      it(`refuse ${more.trim() || entry}, which asks for it by name`, () => {
        const [problem, ...others] = problemsOf(entry, nothing, more);
        expect(problem).to.include(`${path}: `).and.to.include('npm run build:native');
        expect(others).to.deep.equal([]);
      });
    }

    for (const entry of [
      'gate',
      'gate, claims: [certificate-name], raw-public-keys: false, record-padding: 0, dialect: draft-13, on-failure: alert',
      'other, claims: [extension]',
    ]) {
      it(`allow ${entry}`, () => {
        expect(problemsOf(entry, nothing)).to.deep.equal([]);
      });
    }
  });
});
