import { expect } from 'chai';
import fc from 'fast-check';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import { encodePem, maxPemLength, parsePem, parsePemBlocks } from '../../../core/pki/pem.ts';

const content = Buffer.from('a certificate, let us say, of more than one line of sixty-four characters');
const block = encodePem(content, 'CERTIFICATE');

describe('parsePem', () => {
  it('gives back what encodePem wrote', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), (octets) => {
        expect(parsePem(encodePem(Buffer.from(octets), 'PUBLIC KEY'), 'PUBLIC KEY')).to.deep.equal([
          Buffer.from(octets),
        ]);
      }),
    );
  });

  it('passes over text between blocks and over blocks with another label [RFC7468-5.2]', () => {
    const text = `Subject: CN = x\n${encodePem(Buffer.from('key'), 'PRIVATE KEY')}\nIssuer: CN = y\n${block}${block}`;
    expect(parsePem(text, 'CERTIFICATE')).to.deep.equal([content, content]);
    expect(parsePemBlocks(text).map(({ label }) => label)).to.deep.equal([
      'PRIVATE KEY',
      'CERTIFICATE',
      'CERTIFICATE',
    ]);
  });

  it('takes any line ending and blanks at the end of lines [RFC7468-2]', () => {
    expect(parsePem(block.replaceAll('\n', '\r\n'), 'CERTIFICATE')).to.deep.equal([content]);
    expect(parsePem(block.replaceAll('\n', '\r'), 'CERTIFICATE')).to.deep.equal([content]);
    expect(parsePem(block.replaceAll('\n', '  \n'), 'CERTIFICATE')).to.deep.equal([content]);
  });

  it('finds nothing in text without blocks', () => {
    expect(parsePem('no certificate here', 'CERTIFICATE')).to.deep.equal([]);
  });

  const wrong = [
    { title: 'a block without its end', text: block.slice(0, -30) },
    { title: 'an end with another label', text: block.replace('END CERTIFICATE', 'END PUBLIC KEY') },
    { title: 'an empty block', text: '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n' },
    { title: 'characters that are not base64', text: block.replace('YSBj', 'YS!j') },
    { title: 'the URL alphabet', text: '-----BEGIN CERTIFICATE-----\n_-_-\n-----END CERTIFICATE-----\n' },
    { title: 'missing padding', text: '-----BEGIN CERTIFICATE-----\nYQ\n-----END CERTIFICATE-----\n' },
    {
      title: 'padding in the middle',
      text: '-----BEGIN CERTIFICATE-----\nYQ==YQ==\n-----END CERTIFICATE-----\n',
    },
    {
      title: 'bits that are thrown away',
      text: '-----BEGIN CERTIFICATE-----\nYR==\n-----END CERTIFICATE-----\n',
    },
    {
      title: 'the headers of an encrypted key',
      text: '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nYWJj\n-----END RSA PRIVATE KEY-----\n',
    },
    { title: 'too much text', text: block + 'x'.repeat(maxPemLength) },
  ];
  for (const { title, text } of wrong) {
    it(`refuses ${title}`, () => {
      expect(() => parsePem(text, 'CERTIFICATE')).to.throw(CertificateFormatError);
    });
  }
});
