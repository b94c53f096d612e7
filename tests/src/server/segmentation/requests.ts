export { provenance, requestOf, segmentOf, stripes, terms } from '@medsam2/server/testing';
