# SPDX-License-Identifier: MIT
# GorRoom.cmake - what every room is built with: language, warnings, sanitizers.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(GOR_SANITIZE "" CACHE STRING "Sanitizers: empty, address (with undefined) or thread")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(gor_flags INTERFACE)
target_compile_features(gor_flags INTERFACE c_std_11)
target_compile_definitions(gor_flags INTERFACE _GNU_SOURCE)
target_compile_options(gor_flags INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wstrict-prototypes;-Wmissing-prototypes;-Wvla>
    -fno-omit-frame-pointer -fvisibility=hidden -fno-strict-aliasing)
target_include_directories(gor_flags INTERFACE ${CMAKE_SOURCE_DIR})

if(GOR_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
    add_link_options(-fsanitize=address,undefined)
elseif(GOR_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread)
    add_link_options(-fsanitize=thread)
elseif(NOT GOR_SANITIZE STREQUAL "")
    message(FATAL_ERROR "GOR_SANITIZE is '${GOR_SANITIZE}'; it may be empty, address or thread")
endif()

# Everything, so that libFuzzer sees which ways an input takes; see tests/fuzz.
option(GOR_FUZZ "Build for libFuzzer: the fuzz targets only; needs clang and its runtime" OFF)
if(GOR_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "GOR_FUZZ needs clang: CC=clang-14 cmake ...")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# gor_room(<target> <pattern>...): a static library from the sources the patterns match in this
# folder, but main.c, which is the program's; built under the house rules.
function(gor_room target)
    file(GLOB sources CONFIGURE_DEPENDS ${ARGN})
    list(FILTER sources EXCLUDE REGEX "/main\\.c$")
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target} PRIVATE gor_flags)
    target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()
