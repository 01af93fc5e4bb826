/**
 * Type-checked lint rules for every TypeScript file, and the recommended ones for the few plain JavaScript files.
 */
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['dist/', 'coverage/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Octets, counts and ports read well inside a template.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['core/**/*.ts', 'plugins/**/*.ts'],
    rules: {
      // core/tls/peer-snapshot.ts says why: one ends the process on some keys, the other is no proof of anything.
      'no-restricted-properties': [
        'error',
        ...['getPeerCertificate', 'toLegacyObject', 'authorized', 'authorizationError'].map((property) => ({
          property,
          message: 'What the peer showed is in its snapshot (core/tls/peer-snapshot.ts).',
        })),
      ],
    },
  },
  {
    // Octets by their index, millions of times a second: what bounds it stands beside it, and `?? 0` would hide a mistake.
    files: ['core/answer/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // chai's `expect(x).to.be.true` is an expression by design.
      '@typescript-eslint/no-unused-expressions': 'off',
      // A test says what it knows of its own data.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
);
