# The addon for what node:tls lacks. It links nothing: Node exports the OpenSSL that it was built with, headers included.
{
  'targets': [
    {
      'target_name': 'danced_tls',
      'sources': ['src/addon.cc', 'src/connection.cc', 'src/endpoint.cc', 'src/options.cc', 'src/refusal.cc'],
      # Node builds addons without exceptions. The standard library throws all the same when memory is short, and what is
      # thrown must not go through OpenSSL's functions.
      'cflags_cc!': ['-fno-exceptions'],
      # The last: node.h itself casts between types of functions.
      'cflags_cc': [
        '-std=c++20',
        '-Wall',
        '-Wextra',
        '-Wno-unused-parameter',
        '-fvisibility=hidden',
        '-Wno-cast-function-type',
      ],
      'conditions': [
        # A worker thread that ends unloads its addons; OpenSSL calls into this one as long as the process lives.
        ['OS!="mac" and OS!="win"', { 'ldflags': ['-Wl,-z,nodelete'] }],
      ],
      'xcode_settings': {
        'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
        'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
        'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      },
    },
  ],
}
