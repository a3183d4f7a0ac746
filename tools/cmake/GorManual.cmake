# SPDX-License-Identifier: MIT
# GorManual.cmake - installs the pages of libgor, and for each function that a page of section 3 has
# in its NAME a page that only points there, so that `man gor_chan_send` works. Which functions a page
# has is said there alone; tools/check_manual sees that they are those of gor.h.
function(gor_install_manual folder)
    file(GLOB pages CONFIGURE_DEPENDS ${folder}/*.3)
    foreach(page ${pages})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
        get_filename_component(stem ${page} NAME_WE)
        file(READ ${page} text)
        string(REGEX MATCH "\n\\.SH NAME\n([^\\]*)" name "${text}")
        string(REGEX MATCHALL "[a-z_0-9]+" functions "${CMAKE_MATCH_1}")
        install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
        foreach(function ${functions})
            if(NOT function STREQUAL stem)
                set(link ${CMAKE_CURRENT_BINARY_DIR}/man3/${function}.3)
                file(CONFIGURE OUTPUT ${link} CONTENT ".so man3/${stem}.3\n")
                install(FILES ${link} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
            endif()
        endforeach()
    endforeach()
    install(FILES ${folder}/gor.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
endfunction()
