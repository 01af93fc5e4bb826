import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { LimitsTable } from '../../../core/config/limits-table.ts';
import { encodePem } from '../../../core/pki/pem.ts';
import {
  ClientCertHeaderError,
  clientCertLimits,
  clientNameHeader,
  readClientCert,
  readClientName,
} from '../../../core/server/client-cert-header.ts';
import type { ClientCertLimits, HeaderFields } from '../../../core/server/client-cert-header.ts';
import { authority, sharedKey } from '../../support/certificate-factory.ts';
import { mutate, randomNumbers } from '../../support/mutation.ts';

const limits: ClientCertLimits = { 'certificate-octets': 1024, 'chain-certificates': 3 };

/** RFC 9440 section 2.1. */
function encode(octets: Buffer | string): string {
  return `:${Buffer.from(octets).toString('base64')}:`;
}

/** RFC 9651 section 4.1.6. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, (character) => `\\${character}`)}"`;
}

describe('readClientCert', () => {
  it('reads the certificate between its colons [RFC9440-2.1] [RFC9440-2.2]', () => {
    expect(readClientCert({ 'client-cert': ':Zm9vYg==:' })).to.deep.equal({
      certificate: Buffer.from('foob'),
      chain: [],
    });
  });

  it('reads a whole certificate, made from its PEM as the RFC says [RFC9440-2.1]', () => {
    const { der } = authority({ subject: 'sensor.example', key: sharedKey('client-cert-header') });
    const field = encodePem(der, 'CERTIFICATE')
      .replace(/-----(BEGIN|END) CERTIFICATE-----/g, ':')
      .replaceAll('\n', '');
    const read = readClientCert({ 'client-cert': field });
    expect(read?.certificate).to.deep.equal(der);
    expect(new X509Certificate(read?.certificate ?? '').subject).to.equal('CN=sensor.example');
  });

  it('reads the chain in its order, in one line or many [RFC9440-2.3]', () => {
    const chain = [Buffer.from('one'), Buffer.from('two'), Buffer.from('three')];
    const lines: (string | string[])[] = [
      ':b25l:, :dHdv:, :dGhyZWU=:',
      ':b25l:,:dHdv:,:dGhyZWU=:',
      ' :b25l: \t,\t :dHdv:  ,  :dGhyZWU=: ',
      [':b25l:', ':dHdv:', ':dGhyZWU=:'],
      [':b25l:, :dHdv:', ':dGhyZWU=:'],
    ];
    for (const line of lines) {
      expect(readClientCert({ 'client-cert': ':YQ==:', 'client-cert-chain': line })?.chain).to.deep.equal(
        chain,
      );
    }
  });

  it('says nothing where there is no field, or but an empty chain [RFC9651-4.2.1]', () => {
    const without: HeaderFields[] = [
      {},
      { host: 'a.example', 'client-cert': undefined },
      { 'client-cert': [] },
      { 'client-cert-chain': '' },
      Object.create({ 'client-cert': ':YQ==:' }) as HeaderFields,
    ];
    for (const headers of without) expect(readClientCert(headers)).to.equal(undefined);
    expect(readClientCert({ 'client-cert': ':YQ==:', 'client-cert-chain': ' ' })?.chain).to.deep.equal([]);
  });

  it('takes a line of its own from a list of lines, and blanks around it [RFC9110-5.5]', () => {
    expect(readClientCert({ 'client-cert': ['  :YQ==: \t '] })?.certificate).to.deep.equal(Buffer.from('a'));
  });

  const wrongCertificates: [title: string, line: string | string[], words: string][] = [
    ['an empty field', '', 'leave the field out'],
    ['one colon', ':', 'not base64 between two colons'],
    ['no octets', '::', 'of one octet at least'],
    ['no colon before', 'YQ==:', 'between two colons'],
    ['no colon after', ':YQ==', 'between two colons'],
    ['the form of older drafts', '*YQ==*', 'between two colons'],
    ['PEM, as other proxies send it', '-----BEGIN%20CERTIFICATE-----', 'between two colons'],
    ['two certificates [RFC9440-2.2]', ':YQ==:, :Yg==:', 'padding'],
    ['two lines [RFC9440-2.2]', [':YQ==:', ':YQ==:'], 'more than once'],
    ['a parameter', ':YQ==:;verified', 'between two colons'],
    ['a parameter with a Byte Sequence', ':YQ==:;chain=:YQ==:', 'padding'],
    ['octets after it', ':YQ==:x', 'between two colons'],
    ['a line end inside', ':YWFh\nYWFh:', 'not base64'],
    ['a space inside', ':YWFh YWFh:', 'not base64'],
    ['the URL alphabet', ':_-_-:', 'not base64'],
    ['missing padding', ':YQ:', 'not base64'],
    ['half of the padding', ':YQ=:', 'not base64'],
    ['too much padding', ':YWE==:', 'not base64'],
    ['padding in the middle', ':YQ==YQ==:', 'not base64'],
    ['spare bits that are set', ':YR==:', 'not base64'],
    ['one character', ':Y:', 'not base64'],
    ['characters beyond ASCII', ':YWFé:', 'not base64'],
    ['a String', '"YQ=="', 'between two colons'],
    [
      '1025 octets where 1024 are taken',
      encode(Buffer.alloc(1025)),
      'too long: a certificate of more than 1024',
    ],
    ['a long line that is no base64', ':'.repeat(5000), 'too long'],
  ];
  for (const [title, line, words] of wrongCertificates) {
    it(`refuses ${title} [RFC9440-2.1]`, () => {
      expect(() => readClientCert({ 'client-cert': line }, limits))
        .to.throw(ClientCertHeaderError, words)
        .that.includes({ code: 'SERVER_CLIENT_CERT', blame: 'peer', field: 'client-cert' });
    });
  }

  const wrongChains: [title: string, line: string | string[], words: string][] = [
    ['an entry that is not base64', ':Yg==:, :_:', 'not base64'],
    ['an empty entry', ':Yg==:,,:Yw==:', 'between two colons'],
    ['a comma at the end', ':Yg==:, ', 'between two colons'],
    ['an empty line beside another', ['', ':Yg==:'], 'between two colons'],
    ['entries without a comma', ':Yg==: :Yw==:', 'not base64'],
    ['an inner list', '(:Yg==: :Yw==:)', 'between two colons'],
    ['a parameter', ':Yg==:;a', 'between two colons'],
    ['four certificates where three are taken', ':Yg==:,:Yg==:,:Yg==:,:Yg==:', 'more than 3 certificates'],
    ['one that is too long', encode(Buffer.alloc(1025)), 'more than 1024 octets'],
    ['a hundred thousand commas', ','.repeat(100_000), 'too long: the whole field'],
    ['a hundred thousand empty lines', Array<string>(100_000).fill(''), 'too long: the whole field'],
    ['the certificate of Client-Cert again', ':Yg==:, :YQ==:', 'must not be in it again'],
  ];
  for (const [title, line, words] of wrongChains) {
    it(`refuses a chain with ${title} [RFC9440-2.3]`, () => {
      expect(() => readClientCert({ 'client-cert': ':YQ==:', 'client-cert-chain': line }, limits))
        .to.throw(ClientCertHeaderError, words)
        .that.includes({ field: 'client-cert-chain' });
    });
  }

  it('refuses a chain without the certificate [RFC9440-2.3]', () => {
    expect(() => readClientCert({ 'client-cert-chain': ':YQ==:' }))
      .to.throw(ClientCertHeaderError, 'there is no client-cert with it')
      .that.includes({ field: 'client-cert-chain' });
  });

  it('takes as much as its limits say', () => {
    const chain = [1, 2, 3].map((fill) => Buffer.alloc(1024, fill));
    const headers = {
      'client-cert': encode(Buffer.alloc(1024)),
      'client-cert-chain': chain.map(encode).join(' , '),
    };
    expect(readClientCert(headers, limits)).to.deep.equal({ certificate: Buffer.alloc(1024), chain });
    expect(() => readClientCert(headers, { ...limits, 'chain-certificates': 2 })).to.throw(
      ClientCertHeaderError,
    );
    expect(() => readClientCert(headers, { ...limits, 'chain-certificates': 0 })).to.throw(
      ClientCertHeaderError,
    );
  });

  it('has limits by default', () => {
    const most = clientCertLimits['certificate-octets'].default;
    expect(readClientCert({ 'client-cert': encode(Buffer.alloc(most)) })?.certificate).to.have.length(most);
    expect(() => readClientCert({ 'client-cert': encode(Buffer.alloc(most + 1)) })).to.throw(
      ClientCertHeaderError,
    );
    const table: LimitsTable = clientCertLimits;
    for (const limit of Object.values(table)) expect(limit.default).to.be.within(limit.min, limit.max);
  });

  it('gives back what was written, for any octets', () => {
    const octets = fc.uint8Array({ minLength: 1, maxLength: 400 }).map((values) => Buffer.from(values));
    fc.assert(
      fc.property(octets, fc.array(octets, { maxLength: 3 }), (certificate, chain) => {
        fc.pre(!chain.some((other) => other.equals(certificate)));
        const headers = {
          'client-cert': encode(certificate),
          ...(chain.length > 0 && { 'client-cert-chain': chain.map(encode).join(', ') }),
        };
        expect(readClientCert(headers, limits)).to.deep.equal({ certificate, chain });
      }),
    );
  });

  it('reads one text only as the same octets, and throws nothing but its error', () => {
    const random = randomNumbers(9440);
    const good = Buffer.from(`${encode('abcdefgh')}, ${encode('ijklmnopq')}`);
    let taken = 0;
    for (let round = 0; round < 4000; round++) {
      const line = mutate(good, random).toString('latin1');
      const read = outcomeOf(() =>
        readClientCert({ 'client-cert': ':eA==:', 'client-cert-chain': line }, limits),
      );
      if (read === undefined) continue;
      taken++;
      const blanks = /^[ \t]+|[ \t]+$|(?<=,)[ \t]+|[ \t]+(?=,)/g;
      expect(read.chain.map(encode).join(',')).to.equal(line.replace(blanks, ''));
    }
    expect(taken).to.be.greaterThan(20);
  });

  it('throws nothing but its error for any text', () => {
    const pieces = [
      ':',
      ',',
      ' ',
      '\t',
      '"',
      '\\',
      '=',
      'A',
      'b',
      '-',
      ';',
      '\n',
      '\0',
      'é',
      '\ud800',
      ':YQ==:',
      '""',
    ];
    const unit = fc.constantFrom(...pieces);
    const line = fc.oneof(fc.string({ unit }), fc.array(fc.string({ unit })));
    fc.assert(
      fc.property(line, line, (certificate, chain) => {
        const headers = { 'client-cert': certificate, 'client-cert-chain': chain, [clientNameHeader]: chain };
        outcomeOf(() => readClientCert(headers));
        outcomeOf(() => readClientName(headers));
      }),
    );
  });
});

describe('readClientName', () => {
  it('reads a name between quotes, escapes undone [RFC9651-3.3.3]', () => {
    expect(clientNameHeader).to.equal('client-dane-name');
    const cases: [line: string, name: string][] = [
      ['"sensor._device.example"', 'sensor._device.example'],
      ['  "a.example" ', 'a.example'],
      [String.raw`"a\\.b.example"`, String.raw`a\.b.example`],
      [String.raw`"\\007\"x"`, String.raw`\007"x`],
      ['""', ''],
      [quote('a'.repeat(255)), 'a'.repeat(255)],
      [quote('"'.repeat(255)), '"'.repeat(255)],
    ];
    for (const [line, name] of cases) {
      expect(readClientName({ 'client-dane-name': line })?.toString('latin1')).to.equal(name);
      expect(readClientName({ 'client-dane-name': [line] })?.toString('latin1')).to.equal(name);
    }
  });

  it('says nothing where there is no field', () => {
    expect(readClientName({})).to.equal(undefined);
    expect(readClientName({ 'client-dane-name': undefined })).to.equal(undefined);
    expect(readClientName({ 'client-dane-name': [] })).to.equal(undefined);
  });

  const wrong: [title: string, line: string | string[]][] = [
    ['an empty field', ''],
    ['a Token', 'a.example'],
    ['one quote', '"'],
    ['no closing quote', '"a.example'],
    ['a closing quote that is escaped', '"a.example\\"'],
    ['a quote inside', '"a"b"'],
    ['an escape of something else', String.raw`"\046"`],
    ['NUL', '"a\u0000b"'],
    ['a control character', '"a\u001fb"'],
    ['a tab', '"a\tb"'],
    ['DEL', '"a\u007fb"'],
    ['a character beyond ASCII', '"é.example"'],
    ['a line end after it', '"a.example"\n'],
    ['a parameter', '"a.example";a=1'],
    ['two names', '"a.example", "b.example"'],
    ['two lines', ['"a.example"', '"a.example"']],
    ['256 octets', quote('a'.repeat(256))],
    ['a long field', `"${'\\"'.repeat(50_000)}`],
    ['single quotes', "'a.example'"],
  ];
  for (const [title, line] of wrong) {
    it(`refuses ${title} [RFC9651-3.3.3]`, () => {
      expect(() => readClientName({ 'client-dane-name': line }))
        .to.throw(ClientCertHeaderError)
        .that.includes({ code: 'SERVER_CLIENT_CERT', field: 'client-dane-name' });
    });
  }

  it('bounds the field before it looks at it', () => {
    const line = `"a"${' '.repeat(1000)}`;
    expect(() => readClientName({ 'client-dane-name': line })).to.throw(
      ClientCertHeaderError,
      'the whole field',
    );
  });

  it('gives back what was written, for any printable name', () => {
    const letter = fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code));
    fc.assert(
      fc.property(fc.string({ unit: letter, maxLength: 255 }), (name) => {
        expect(readClientName({ [clientNameHeader]: quote(name) })).to.deep.equal(
          Buffer.from(name, 'latin1'),
        );
      }),
    );
  });
});

/** What was read; undefined for a refusal, which must be the one error. */
function outcomeOf<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).to.be.instanceOf(ClientCertHeaderError);
    return undefined;
  }
}
