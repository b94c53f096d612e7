// Tests run from the compiled output, so that worker threads load the same files as in production.
export default {
  testEnvironment: '<rootDir>/scripts/jest-environment.js',
  roots: [
    '<rootDir>/protocol/dist',
    '<rootDir>/models/dist',
    '<rootDir>/slicer-bridge/dist',
    '<rootDir>/server/dist',
    '<rootDir>/extension/dist',
    '<rootDir>/mode/dist',
    '<rootDir>/demo/dist',
    '<rootDir>/tests/dist',
    '<rootDir>/e2e/dist',
  ],
  testMatch: ['**/*.test.js'],
  testTimeout: 120000,
};
