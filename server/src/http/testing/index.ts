export { MemoryJobs, MemorySaves, memorySave, MemorySessions } from './memory-services.js';
export { namedUsers, startTestServer, type Answered, type TestRequest, type TestServer } from './test-server.js';
