// Kernels that the stand-in's test runs as nvcc compiles them.
#define X(name, low, high, float_ulps, double_ulps)                                                          \
  extern "C" __global__ void name##_float(const float* x, float* y, int n) {                                 \
    const int i = blockIdx.x * blockDim.x + threadIdx.x;                                                     \
    if (i < n) y[i] = name##f(x[i]);                                                                         \
  }                                                                                                          \
  extern "C" __global__ void name##_double(const double* x, double* y, int n) {                              \
    const int i = blockIdx.x * blockDim.x + threadIdx.x;                                                     \
    if (i < n) y[i] = name(x[i]);                                                                            \
  }
#include "math_functions.def"
#undef X

extern "C" __global__ void pow_float(const float* x, const float* y, float* z, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) z[i] = powf(x[i], y[i]);
}
extern "C" __global__ void pow_double(const double* x, const double* y, double* z, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) z[i] = pow(x[i], y[i]);
}

// Each block's sum by shuffles and shared memory; the block that takes the last ticket adds them up.
extern "C" __global__ void sum(const float* x, float* partials, float* out, unsigned* ticket, int n) {
  __shared__ float of_warps[32];
  __shared__ bool is_last;
  float value = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) value += x[i];
  for (int step = 16; step; step /= 2) value += __shfl_xor_sync(~0u, value, step);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x < 32) {
    value = threadIdx.x < blockDim.x / 32 ? of_warps[threadIdx.x] : 0;
    for (int step = 16; step; step /= 2) value += __shfl_down_sync(~0u, value, step);
    if (threadIdx.x == 0) {
      partials[blockIdx.x] = value;
      __threadfence();
      is_last = atomicAdd(ticket, 1) == gridDim.x - 1;
    }
  }
  __syncthreads();
  if (!is_last || threadIdx.x != 0) return;
  float total = 0;
  for (unsigned k = 0; k < gridDim.x; ++k) total += ((volatile float*)partials)[k];
  *out = total;
  *ticket = 0;
}

// A halving in shared memory with a barrier at each step.
extern "C" __global__ void block_max(const int* x, int* out) {
  extern __shared__ int values[];
  values[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  for (unsigned step = blockDim.x / 2; step; step /= 2) {
    if (threadIdx.x < step) values[threadIdx.x] = max(values[threadIdx.x], values[threadIdx.x + step]);
    __syncthreads();
  }
  if (threadIdx.x == 0) out[blockIdx.x] = values[0];
}

constexpr int TILE = 16;
extern "C" __global__ void matmul(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float as[TILE][TILE], bs[TILE][TILE];
  const int row = blockIdx.y * TILE + threadIdx.y, column = blockIdx.x * TILE + threadIdx.x;
  float sum = 0;
  for (int start = 0; start < k; start += TILE) {
    const int ka = start + threadIdx.x, kb = start + threadIdx.y;
    as[threadIdx.y][threadIdx.x] = row < m && ka < k ? a[row * k + ka] : 0;
    bs[threadIdx.y][threadIdx.x] = kb < k && column < n ? b[kb * n + column] : 0;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < TILE; ++i) sum = fmaf(as[threadIdx.y][i], bs[i][threadIdx.x], sum);
    __syncthreads();
  }
  if (row < m && column < n) c[row * n + column] = sum;
}

extern "C" __global__ void __launch_bounds__(256)
    philox(uint4* out, unsigned key0, unsigned key1, unsigned long long offset) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  uint4 c = make_uint4((unsigned)offset, (unsigned)(offset >> 32), i, 0);
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xD2511F53, c.x), low0 = 0xD2511F53 * c.x;
    const unsigned high1 = __umulhi(0xCD9E8D57, c.z), low1 = 0xCD9E8D57 * c.z;
    c = make_uint4(high1 ^ c.y ^ key0, low1, high0 ^ c.w ^ key1, low0);
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  out[i] = c;
}

// Whole numbers, bytes, switches, divisions: what a compiler has many instructions for.
extern "C" __global__ void integers(const long long* a, const long long* b, const int* c, const int* d,
                                    long long* wide, int* narrow, unsigned char* bytes) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  wide[2 * i] = a[i] / b[i] + a[i] % b[i] * 3;
  wide[2 * i + 1] = __mul64hi(a[i], b[i]) ^ (a[i] >> (c[i] & 63));
  narrow[2 * i] = c[i] / d[i] + c[i] % d[i] + __popc(c[i]) + __clz(d[i]) + (int)__brev(c[i]) + __ffs(c[i]);
  int chosen = 0;
  switch (c[i] & 7) {
  case 0:
    chosen = c[i] * 3;
    break;
  case 1:
    chosen = d[i] ^ c[i];
    break;
  case 2:
    chosen = c[i] - d[i];
    break;
  case 3:
    chosen = (unsigned)c[i] / 7u;
    break;
  case 4:
    chosen = c[i] >> 3;
    break;
  case 5:
    chosen = __funnelshift_l(c[i], d[i], 5);
    break;
  case 6:
    chosen = min(c[i], d[i]);
    break;
  }
  narrow[2 * i + 1] = chosen;
  bytes[i] = (unsigned char)(c[i] % 251) / ((unsigned char)d[i] | 1);
}

__device__ __noinline__ double weighted(float a, double b, float4 q, int* calls) {
  atomicAdd(calls, 1);
  return a * b + q.x * q.w;
}
struct Weights {
  float values[7];
  int chosen;
};
__constant__ float table[5] = {1, 2, 3, 4, 5};
__device__ int counter = 7;
__device__ int* counter_place = &counter;
extern "C" __global__ void calls(float* x, Weights weights, int* count) {
  extern __shared__ float4 exchanged[];
  const float i = threadIdx.x;
  exchanged[threadIdx.x] = make_float4(i, 1, 2, i + 1);
  __syncthreads();
  double value = 0;
  for (unsigned k = 0; k < threadIdx.x % 3; ++k)
    value += weighted(x[threadIdx.x], k, exchanged[threadIdx.x ^ 1], count);
  x[threadIdx.x] = (float)value + weights.values[weights.chosen] + table[threadIdx.x % 5] + *counter_place;
}

extern "C" __global__ void atomics(float* f, double* d, int* i, unsigned* u, unsigned long long* l) {
  const int t = threadIdx.x;
  atomicAdd(f, 1.0f);
  atomicAdd(d, 0.5);
  atomicMin(i, t - 5);
  atomicMax(i + 1, t * 2);
  atomicAnd(i + 2, ~(1 << t % 31));
  atomicOr(i + 3, 1 << t % 31);
  atomicXor(i + 4, t);
  atomicInc(u, 9);
  atomicDec(u + 1, 9);
  atomicCAS(u + 2, (unsigned)t, (unsigned)t + 1);
  atomicExch(u + 3, 77u);
  atomicMax(l, 1ull << (t & 63));
  i[5 + t] = __ballot_sync(~0u, t & 1) ^ __popc(__activemask());
  const int odd = __syncthreads_count(t & 1), any = __syncthreads_or(t == 3),
            all = __syncthreads_and(t < 1000);
  if (t == 0) u[4] = odd * 4 + any * 2 + all;
}
