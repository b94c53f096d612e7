export const e2eName = 'e2e';
