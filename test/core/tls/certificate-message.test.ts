import { expect } from 'chai';
import fc from 'fast-check';
import { CertificateFormatError } from '../../../core/pki/errors.ts';
import { parseCertificateMessage } from '../../../core/tls/certificate-message.ts';

const entry = Buffer.from('3003020101', 'hex');
const other = Buffer.alloc(300, 7);
const extensions = Buffer.from('ff5b00020161', 'hex');

describe('parseCertificateMessage', () => {
  it('takes the entries of TLS 1.3 in their order, and steps over extensions [RFC8446-4.4.2]', () => {
    const message = tls13([
      [entry, extensions],
      [other, Buffer.alloc(0)],
    ]);
    expect(parseCertificateMessage(message, 'TLSv1.3')).to.deep.equal([entry, other]);
  });

  it('takes the entries of TLS 1.2, which have no extensions [RFC5246-7.4.2]', () => {
    const message = vector(3, vector(3, entry), vector(3, other));
    expect(parseCertificateMessage(message, 'TLSv1.2')).to.deep.equal([entry, other]);
  });

  it('takes a message of no entries, and one that was not sent, for none', () => {
    expect(parseCertificateMessage(tls13([]), 'TLSv1.3')).to.deep.equal([]);
    expect(parseCertificateMessage(vector(3), 'TLSv1.2')).to.deep.equal([]);
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
      expect(parseCertificateMessage(Buffer.alloc(0), version)).to.deep.equal([]);
    }
  });

  const sound = tls13([[entry, extensions]]);
  const malformed: [title: string, message: Buffer][] = [
    ['a context, which only a later request has', Buffer.concat([vector(1, entry), vector(3)])],
    ['an entry without octets', tls13([[Buffer.alloc(0), extensions]])],
    ['octets after the list', Buffer.concat([sound, Buffer.from([0])])],
    [
      'an entry without the length of its extensions',
      Buffer.concat([vector(1), vector(3, vector(3, entry))]),
    ],
    [
      'extensions that go beyond the list',
      Buffer.concat([vector(1), vector(3, vector(3, entry), Buffer.from([0, 1]))]),
    ],
    ['an entry that goes beyond the list', Buffer.concat([vector(1), vector(3, Buffer.from([0, 0, 9, 1]))])],
    ['the form of TLS 1.2', vector(3, vector(3, entry))],
  ];
  for (const [title, message] of malformed) {
    it(`refuses ${title}`, () => {
      expect(() => parseCertificateMessage(message, 'TLSv1.3')).to.throw(CertificateFormatError);
    });
  }

  it('refuses every message that is cut short', () => {
    for (let length = 1; length < sound.length; length += 1) {
      const cut = sound.subarray(0, length);
      expect(() => parseCertificateMessage(cut, 'TLSv1.3'), String(length)).to.throw(CertificateFormatError);
    }
  });

  it('gives back what was put in, or refuses, whatever the octets', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom('TLSv1.3', 'TLSv1.2'),
        (octets, version) => {
          try {
            const entries = parseCertificateMessage(Buffer.from(octets), version);
            expect(entries.every(({ length }) => length > 0)).to.equal(true);
          } catch (error) {
            expect(error).to.be.instanceOf(CertificateFormatError);
          }
        },
      ),
    );
    const octets = fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(fc.tuple(octets, octets), { maxLength: 5 }), (entries) => {
        const found = parseCertificateMessage(tls13(entries), 'TLSv1.3');
        expect(found).to.deep.equal(entries.map(([data]) => data));
      }),
    );
  });
});

function tls13(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  const list = entries.map(([data, more]) => Buffer.concat([vector(3, data), vector(2, more)]));
  return Buffer.concat([vector(1), vector(3, ...list)]);
}

/** RFC 8446 section 3.4: a length of so many octets, then as many. */
function vector(lengthOctets: number, ...parts: readonly Buffer[]): Buffer {
  const length = Buffer.alloc(lengthOctets);
  const content = Buffer.concat(parts);
  length.writeUIntBE(content.length, 0, lengthOctets);
  return Buffer.concat([length, content]);
}
